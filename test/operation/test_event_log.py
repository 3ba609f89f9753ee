# SPDX-License-Identifier: Apache-2.0
"""What the terminal shows of a graph: each event once, and nothing of the first seconds' confusion."""

from __future__ import annotations

import pytest

from molmoact2_ros.operation.event_log import REPEAT_S, START_UP_S, EventLog


class Terminal:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.said: list[tuple[str, str]] = []
        self.teller = EventLog(lambda who, text: self.said.append((who, text)), lambda: self.now_s)


@pytest.mark.parametrize(
    ("who", "line", "expected"),
    [
        ("policy", "[INFO] [1795222205.6] [policy]: warmed up in 45 ms", ["warmed up in 45 ms"]),
        ("policy", "[ERROR] [1795222205.6] [lab.policy]: no chunk", ["error: no chunk"]),
        ("simulator", "a library says hello", ["a library says hello"]),
        ("safety", "[WARN] [1795222205.6] [safety]: refused: a jump", ["warn: refused: a jump"]),
        ("perception", "[WARN] [1795222205.6] [perception]: camera 'wrist' is missing", []),
        ("bridge", "[ERROR] [1795222205.6] [bridge]: gripper gone", ["error: gripper gone"]),
        ("policy", "[ERROR] [1795222205.6] [policy]: configure failed: no such tag", []),
        ("policy", "error: no such tag", []),
    ],
)
def test_a_printed_line_is_shown_unless_it_is_reported_elsewhere(who: str, line: str, expected: list[str]) -> None:
    terminal = Terminal()
    terminal.teller.printed(who, line)
    assert terminal.said == [(who, text) for text in expected]


def test_a_sentence_that_repeats_with_other_numbers_is_shown_once_in_a_while() -> None:
    terminal = Terminal()
    for number in range(3):
        terminal.teller.printed("simulator", f"busy: {number}.5 Hz")
    terminal.now_s += REPEAT_S
    terminal.teller.printed("simulator", "busy: 9 Hz")
    assert [text for _, text in terminal.said] == ["busy: 0.5 Hz", "busy: 9 Hz"]


def test_a_state_is_reported_when_it_changes_and_not_when_only_its_numbers_do() -> None:
    terminal = Terminal()
    for text in ("armed", "armed", "stopped: 0.21 s old", "stopped: 0.34 s old"):
        terminal.teller.reported("safety", text)
    assert [text for _, text in terminal.said] == ["armed", "stopped: 0.21 s old"]


def test_what_is_not_ready_yet_is_no_news_while_the_nodes_find_each_other() -> None:
    terminal = Terminal()
    terminal.teller.reported("perception", "camera 'wrist' is missing", ready=False)
    terminal.teller.reported("perception", "ready")
    assert terminal.said == [("perception", "ready")]


def test_what_is_still_not_ready_after_the_start_is_reported() -> None:
    terminal = Terminal()
    terminal.teller.reported("bridge", "waiting", ready=False)
    terminal.now_s += START_UP_S
    terminal.teller.reported("bridge", "waiting", ready=False)
    assert terminal.said == [("bridge", "waiting")]


def test_what_was_ready_and_is_no_more_is_reported_at_once() -> None:
    terminal = Terminal()
    terminal.teller.reported("bridge", "ready")
    terminal.teller.reported("bridge", "waiting: no driver", ready=False)
    assert terminal.said[-1] == ("bridge", "waiting: no driver")


@pytest.mark.parametrize(("lasts_s", "reported"), [(0.9, False), (1.1, True)])
def test_with_patience_a_dropout_is_reported_only_if_it_lasts(lasts_s: float, reported: bool) -> None:
    terminal = Terminal()
    terminal.teller.reported("perception", "ready")
    for _ in range(2):
        terminal.teller.reported("perception", "wrist is stale", ready=False, patience_s=1.0)
        terminal.now_s += lasts_s
    assert ("perception", "wrist is stale") in terminal.said if reported else len(terminal.said) == 1


def test_a_dropout_that_ends_in_time_starts_the_wait_again() -> None:
    terminal = Terminal()
    for _ in range(3):
        terminal.teller.reported("perception", "ready")
        terminal.teller.reported("perception", "wrist is stale", ready=False, patience_s=1.0)
        terminal.now_s += 0.9
    assert terminal.said == [("perception", "ready")]
