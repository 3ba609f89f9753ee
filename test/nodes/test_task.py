# SPDX-License-Identifier: Apache-2.0
"""How a task begins, goes on and ends. Time is handed in."""

from __future__ import annotations

import math

import pytest

from molmoact2_ros.nodes.task import Phase, SafetyView, Task, TaskOutcome, TaskRefused, TaskRequest

ARMED = SafetyView(armed=True, text="armed")
STOPPED = SafetyView(armed=False, cause=41, text="no chunk has come for 0.9 s")
REQUEST = TaskRequest("wave", time_limit_s=10.0)


def test_a_task_runs_until_its_time_is_up() -> None:
    task = Task(REQUEST, ARMED, 100.0)
    task.tick(ARMED, 109.9)
    assert task.phase is Phase.RUNNING
    task.tick(ARMED, 110.0)
    assert (task.outcome, task.elapsed_s(500.0)) == (TaskOutcome.TIMED_OUT, 10.0)


def test_a_task_without_a_limit_does_not_time_out() -> None:
    task = Task(TaskRequest("wave"), ARMED, 0.0)
    task.tick(ARMED, 1e6)
    assert task.phase is Phase.RUNNING


def test_the_time_limit_does_not_count_the_way_home() -> None:
    task = Task(TaskRequest("wave", 10.0, home_first=True), ARMED, 0.0)
    task.tick(ARMED, 30.0)
    assert task.phase is Phase.HOMING
    task.homed(30.0)
    task.tick(ARMED, 39.0)
    assert (task.phase, task.elapsed_s(39.0)) == (Phase.RUNNING, 9.0)
    task.tick(ARMED, 40.0)
    assert task.outcome is TaskOutcome.TIMED_OUT


@pytest.mark.parametrize("home_first", [False, True])
def test_a_stop_of_safety_ends_the_task_with_its_cause(home_first: bool) -> None:
    task = Task(TaskRequest("wave", home_first=home_first), ARMED, 0.0)
    task.tick(STOPPED, 1.0)
    assert (task.outcome, task.cause, task.text) == (TaskOutcome.STOPPED, STOPPED.cause, STOPPED.text)


def test_a_robot_that_does_not_come_home_never_begins_the_task() -> None:
    task = Task(TaskRequest("wave", home_first=True), ARMED, 0.0)
    task.not_homed("the way touches the table", 1.0)
    assert (task.outcome, task.text) == (TaskOutcome.REFUSED, "the task did not begin: the way touches the table")


def test_the_first_end_counts() -> None:
    task = Task(REQUEST, ARMED, 0.0)
    task.finish(3.0)
    task.cancel("too late", 4.0)
    task.tick(STOPPED, 5.0)
    assert (task.outcome, task.elapsed_s(9.0)) == (TaskOutcome.FINISHED, 3.0)


def test_a_task_begins_only_when_safety_is_armed_and_says_what_to_do() -> None:
    with pytest.raises(TaskRefused, match=r"not armed \(no chunk has come for 0.9 s\): look at the robot"):
        Task(REQUEST, STOPPED, 0.0)


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (TaskRequest("  "), "the instruction is empty: say what the robot is to do"),
        (TaskRequest("wave", -1.0), "time_limit_s: expected seconds, 0 for no limit; got -1.0"),
        (TaskRequest("wave", math.nan), "time_limit_s: expected seconds, 0 for no limit; got nan"),
    ],
)
def test_a_request_without_sense_is_refused(request_: TaskRequest, sentence: str) -> None:
    with pytest.raises(TaskRefused) as refusal:
        Task(request_, ARMED, 0.0)
    assert str(refusal.value) == sentence
