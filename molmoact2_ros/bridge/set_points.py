# SPDX-License-Identifier: Apache-2.0
"""Sample commands in time, for a controller that goes to whatever came last and knows neither time nor brake."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import DriverGroup, JointCommand

from .playing import sample

Vector = NDArray[np.float64]

# Commands that can lie ahead at once: the guard admits starts 0.15 s ahead (at most 0.5 s), at 100 Hz.
_AHEAD = 64


class SetPoints:
    """The set points of one group: the running command's, until it ends at rest or the next one begins.

    A command whose start is still ahead waits for it, and the one before it plays on. When none follows, the brake at
    the end of the last one is played out, as a joint trajectory controller would.
    """

    def __init__(self, group: DriverGroup, joint_names: tuple[str, ...]) -> None:
        """Have no set point.

        Args:
            group: joints and unit of the controller.
            joint_names: the order of a command's columns.
        """
        self.names = list(group.joints.values())
        self._columns = [joint_names.index(joint) for joint in group.joints]
        self._unit = group.command_unit
        self._commands: deque[JointCommand] = deque(maxlen=_AHEAD)

    def take(self, command: JointCommand) -> None:
        """Take a command that the guard admitted; it replaces the running one when it starts."""
        self._commands.append(command)

    def at(self, time_ns: int) -> Vector | None:
        """Return the set point [joints] at a ROS time, in the driver's unit; None where no command moves or holds.

        The last point of a command, the one at rest, is returned once: the controller stays there.
        """
        begun = [index for index, command in enumerate(self._commands) if command.start_ns <= time_ns]
        if not begun:
            return None
        for _ in range(begun[-1]):
            self._commands.popleft()
        command = self._commands[0]
        positions, _ = sample(command, time_ns)
        if time_ns >= command.start_ns + round((len(command.positions) - 1) * command.step_s * 1e9):
            self._commands.popleft()
        return self._unit.outside(positions[self._columns])
