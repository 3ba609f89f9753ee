# SPDX-License-Identifier: Apache-2.0
"""One task from beginning to end: an instruction, perhaps a move home before it, and the ways in which it can end.

    HOMING --home--> RUNNING --finish, time, cancel, stop--> ENDED
        `--no way home, cancel, stop------------------------^

No ROS and no clock in here: steady seconds are handed in, and the caller does what `phase` asks for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum


class Phase(IntEnum):
    """As in msg/TaskStatus.msg, which has INSTRUCTED besides."""

    NONE = 0
    HOMING = 1
    RUNNING = 2
    ENDED = 3


class TaskOutcome(IntEnum):
    """As in action/RunTask.action."""

    NONE = 0
    FINISHED = 1
    TIMED_OUT = 2
    CANCELLED = 3
    STOPPED = 4
    REFUSED = 5


class TaskRefused(ValueError):
    """A task that cannot begin; says what to do."""


@dataclass(frozen=True)
class SafetyView:
    """What the newest SafetyState says; `armed` is False as well when safety is silent."""

    armed: bool = False
    cause: int = 0
    text: str = "safety is silent: is it running?"


@dataclass(frozen=True)
class TaskRequest:
    """What is asked for; `time_limit_s` 0 is none."""

    instruction: str
    time_limit_s: float = 0.0
    home_first: bool = False

    def check(self) -> None:
        """Raise TaskRefused if it makes no sense."""
        if not self.instruction.strip():
            raise TaskRefused("the instruction is empty: say what the robot is to do")
        if not (math.isfinite(self.time_limit_s) and self.time_limit_s >= 0):
            raise TaskRefused(f"time_limit_s: expected seconds, 0 for no limit; got {self.time_limit_s}")


class Task:
    """A task that has begun."""

    def __init__(self, request: TaskRequest, safety: SafetyView, now_s: float) -> None:
        """Begin.

        Raises:
            TaskRefused: the request makes no sense, or safety is not armed: only an operator arms.
        """
        request.check()
        if not safety.armed:
            raise TaskRefused(f"safety is not armed ({safety.text}): look at the robot, then call safety's ~/arm")
        self.request = request
        self.phase = Phase.HOMING if request.home_first else Phase.RUNNING
        self.outcome, self.cause, self.text = TaskOutcome.NONE, 0, ""
        self.chunks = 0
        self._begun_s = self._phase_s = now_s
        self._ended_s = math.nan

    @property
    def is_over(self) -> bool:
        """Return whether it has ended."""
        return self.phase is Phase.ENDED

    def elapsed_s(self, now_s: float) -> float:
        """Return how long the present phase has lasted, or all of an ended task."""
        return self._ended_s - self._begun_s if self.is_over else now_s - self._phase_s

    def homed(self, now_s: float) -> None:
        """The robot has arrived at home: run."""
        if self.phase is Phase.HOMING:
            self.phase, self._phase_s = Phase.RUNNING, now_s

    def not_homed(self, text: str, now_s: float) -> None:
        """The robot has not arrived at home."""
        if self.phase is Phase.HOMING:
            self._end(TaskOutcome.REFUSED, f"the task did not begin: {text}", now_s)

    def published(self) -> None:
        """Count a chunk."""
        self.chunks += 1

    def finish(self, now_s: float) -> None:
        """An operator saw that it is done."""
        self._end(TaskOutcome.FINISHED, "finished, as an operator says", now_s)

    def cancel(self, text: str, now_s: float) -> None:
        """A client does not want it any longer."""
        self._end(TaskOutcome.CANCELLED, text, now_s)

    def tick(self, safety: SafetyView, now_s: float) -> None:
        """Let time pass: safety may have stopped the robot, the time may be up."""
        limit_s = self.request.time_limit_s
        if not safety.armed:
            self._end(TaskOutcome.STOPPED, safety.text, now_s, safety.cause)
        elif self.phase is Phase.RUNNING and limit_s and now_s - self._phase_s >= limit_s:
            self._end(TaskOutcome.TIMED_OUT, f"not finished after {limit_s:g} s", now_s)

    def _end(self, outcome: TaskOutcome, text: str, now_s: float, cause: int = 0) -> None:
        if self.is_over:
            return
        self.outcome, self.text, self.cause = outcome, text, cause
        self.phase, self._ended_s = Phase.ENDED, now_s
