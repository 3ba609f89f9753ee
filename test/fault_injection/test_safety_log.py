# SPDX-License-Identifier: Apache-2.0
"""Whether safety's log holds the reason of a stop. No ROS."""

from __future__ import annotations

from pathlib import Path

from molmoact2_ros.fault_injection.safety_log import SafetyLog

LINE = "[INFO] [17.2] [safety]: {}\n"


def _log(path: Path, *before: str, after: str = "") -> SafetyLog:
    path.write_text("".join(LINE.format(text) for text in before))
    log = SafetyLog(path)
    log.mark()
    with path.open("a") as file:
        file.write(LINE.format(after))
    return log


def test_a_stop_is_found_by_the_first_part_of_its_sentence(tmp_path: Path) -> None:
    log = _log(tmp_path / "safety.log", after="stopped: the bridge is silent: 0.2 s old")
    assert log.has_stop("the bridge is silent: 0.2 s old; whether the robot stands still cannot be measured")
    assert not log.has_stop("the estop topic said true")


def test_stops_of_earlier_faults_do_not_count(tmp_path: Path) -> None:
    log = _log(tmp_path / "safety.log", "stopping: the estop topic said true", after="armed: go")
    assert not log.has_stop("the estop topic said true")


def test_an_answer_that_repeats_the_reason_is_no_line_of_the_stop(tmp_path: Path) -> None:
    log = _log(tmp_path / "safety.log", after="~/arm: not armed: stopped (the estop topic said true); reset first")
    assert not log.has_stop("the estop topic said true")


def test_a_log_that_does_not_exist_has_nothing(tmp_path: Path) -> None:
    log = SafetyLog(tmp_path / "safety.log")
    log.mark()
    assert not log.has_stop("anything")
