# SPDX-License-Identifier: Apache-2.0
"""What an inference takes in simulated time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from molmoact2_ros.policy.simulated_latency import SimulatedLatency
from molmoact2_ros.ros.mailbox import SimulatedMailbox


def test_latency_that_is_a_number_is_that_number_each_time() -> None:
    latency = SimulatedLatency("80")
    assert [latency.next_ns() for _ in range(3)] == [80_000_000] * 3


@pytest.mark.parametrize("content", [[30.0, 50.0, 90.0], {"latencies_ms": [30.0, 50.0, 90.0]}])
def test_latency_from_a_file_is_drawn_from_it_in_the_order_of_the_seed(content: object, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(content))
    draws = {
        seed: [SimulatedLatency.next_ns(latency) for _ in range(50)]
        for seed in (1, 2)
        for latency in [SimulatedLatency(str(path), seed)]
    }
    again = SimulatedLatency(str(path), 1)
    assert set(draws[1]) == {30_000_000, 50_000_000, 90_000_000}
    assert draws[1] == [again.next_ns() for _ in range(50)]
    assert draws[1] != draws[2]


@pytest.mark.parametrize("text", ["", "fast", "0", "-3", "nan", "inf", "no_such_file.json"])
def test_latency_that_is_neither_number_nor_file_is_rejected_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected .*milliseconds"):
        SimulatedLatency(text)


@pytest.mark.parametrize("content", ["{}", "[]", "[1, 0]", '["a"]', "3", "nonsense"])
def test_latency_file_without_latencies_is_rejected(content: str, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="expected"):
        SimulatedLatency(str(path))


class _Times:
    """A time that is set by hand."""

    def __init__(self) -> None:
        self.due: list[tuple[int, object]] = []

    def at(self, time_ns: int, callback: object) -> None:
        self.due.append((time_ns, callback))

    def run(self) -> int:
        time_ns, callback = self.due.pop(0)
        callback()  # type: ignore[operator]
        return time_ns


def test_simulated_mailbox_ends_each_item_after_its_latency_and_then_takes_the_newest_that_waits() -> None:
    times, began, finished = _Times(), [], []
    mailbox = SimulatedMailbox[str](
        lambda item, done_ns: began.append((item, done_ns)), lambda: finished.append(1), lambda: 100, times.at
    )
    mailbox.put("a", 0)
    mailbox.put("b", 40)
    mailbox.put("c", 80)
    assert (began, finished, mailbox.dropped) == ([("a", 100)], [], 1)
    assert times.run() == 100
    assert (began, finished) == ([("a", 100), ("c", 200)], [1])
    assert times.run() == 200
    assert (finished, times.due) == ([1, 1], [])
