# SPDX-License-Identifier: Apache-2.0
"""Sample commands in time, for a controller that goes to whatever came last and knows neither time nor brake."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import DriverGroup, JointCommand

from .playing import sample

Vector = NDArray[np.float64]

# Commands that can lie ahead at once: the guard admits starts 0.15 s ahead (at most 0.5 s), at 100 Hz.
_AHEAD = 64
# Periods of a stream that may be missed. The robot stands at the last set point meanwhile: what the plan did in the
# time would come as one step.
MISSED_MAX = 2


class SetPoints:
    """The set points of one group: the running command's, until it ends at rest or the next one begins.

    A command whose start is still ahead waits for it, and the one before it plays on. When none follows, the brake at
    the end of the last one is played out, as a joint trajectory controller would.

    All times are of the steady clock: a clock that is set must not move the robot along its plan.
    """

    def __init__(self, group: DriverGroup, joint_names: tuple[str, ...], period_ns: int) -> None:
        """Have no set point.

        Args:
            group: joints and unit of the controller.
            joint_names: the order of a command's columns.
            period_ns: between set points.
        """
        self.names = list(group.joints.values())
        self._columns = [joint_names.index(joint) for joint in group.joints]
        self._unit = group.command_unit
        self.period_ns = period_ns
        self._commands: deque[JointCommand] = deque(maxlen=_AHEAD)
        self._sent_ns: int | None = None  # the newest set point of the motion that runs; None: none runs

    def take(self, command: JointCommand, ros_ns: int, steady_ns: int) -> None:
        """Take a command that was admitted at a time of both clocks; it replaces the running one when it starts."""
        self._commands.append(replace(command, start_ns=command.start_ns + steady_ns - ros_ns))

    def at(self, steady_ns: int) -> Vector | None:
        """Return the set point [joints] at a time, in the driver's unit; None where no command moves or holds.

        The last point of a command, the one at rest, is returned once: the controller stays there.
        """
        begun = [index for index, command in enumerate(self._commands) if command.start_ns <= steady_ns]
        if not begun:
            return None
        for _ in range(begun[-1]):
            self._commands.popleft()
        command = self._commands[0]
        positions, _ = sample(command, steady_ns)
        self._sent_ns = steady_ns
        if steady_ns >= command.start_ns + round((len(command.positions) - 1) * command.step_s * 1e9):
            self._commands.popleft()
            self._sent_ns = None
        return self._unit.outside(positions[self._columns])

    def interrupted_s(self, steady_ns: int) -> float:
        """Return how long a running motion has been without a set point, s; 0 while no more than two were missed."""
        if self._sent_ns is None:
            return 0.0
        # Half a period of jitter belongs to the period.
        gap_ns = steady_ns - self._sent_ns
        return gap_ns * 1e-9 if gap_ns > (MISSED_MAX + 1.5) * self.period_ns else 0.0

    def end(self) -> None:
        """Forget every command: the robot stays at the last set point."""
        self._commands.clear()
        self._sent_ns = None
