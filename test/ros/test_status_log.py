# SPDX-License-Identifier: Apache-2.0
"""A healthy start prints no warning; what stays missing does."""

from __future__ import annotations

from molmoact2_ros.ros.status_log import START_NS, StatusLog


class Lines:
    """What a logger was given."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, text: str, throttle_duration_sec: float) -> None:
        self.lines.append(f"info {text}")

    def warning(self, text: str, throttle_duration_sec: float) -> None:
        self.lines.append(f"warning {text}")


def _logged(*statuses: tuple[float, str]) -> list[str]:
    """Return what is logged of statuses at times, in parts of the start."""
    lines = Lines()
    log = StatusLog(lines, 0)
    for time, problem in statuses:
        log.note(problem, problem, round(time * START_NS))
    return lines.lines


def test_what_is_missing_only_during_the_start_is_no_warning() -> None:
    assert _logged((0.1, "no driver"), (0.2, "no driver"), (0.3, ""), (2.0, "")) == ["info starting: no driver"]


def test_what_is_still_missing_after_the_start_is_a_warning_once() -> None:
    lines = _logged((0.1, "no driver"), (1.1, "no driver"), (1.2, "no driver"))
    assert lines == ["info starting: no driver", "warning no driver"]


def test_what_fails_later_is_a_warning_each_time_that_it_fails() -> None:
    lines = _logged((0.5, ""), (1.5, "stale"), (1.6, ""), (1.7, "stale"))
    assert lines == ["warning stale", "warning stale"]
