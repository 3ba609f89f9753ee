# SPDX-License-Identifier: Apache-2.0
"""Turn checked commands into goals for a gripper controller, in its order and unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import DriverGroup, JointCommand

from .pace import Pace

Vector = NDArray[np.float64]

# After a pause this long the gripper may have been moved by hand or by another program: send its goal in any case.
_PAUSE_NS = 1_000_000_000


class GripperGoal:
    """Take the goal of one gripper group out of commands: a gripper controller takes positions without time.

    The goal is the command's last motion point, not its end: the brake behind it belongs to a stop that never comes
    while commands flow. It is sent when it has changed by a step, at a bounded rate: an action server starts anew on
    every goal.
    """

    def __init__(self, group: DriverGroup, joint_names: tuple[str, ...], min_step: float, rate_hz: float) -> None:
        """Prepare.

        Args:
            group: joints and unit of the controller.
            joint_names: the order of a command's columns.
            min_step: smallest change that is sent, as part of the gripper's stroke.
            rate_hz: goals a second, at most.
        """
        self.names = list(group.joints.values())
        self._columns = [joint_names.index(joint) for joint in group.joints]
        self._unit = group.command_unit
        self._min_step = min_step
        self._pace = Pace(rate_hz)
        self._sent: Vector | None = None
        self._seen_ns = 0

    def goal(self, command: JointCommand, steady_ns: int) -> Vector | None:
        """Return the goal [joints] in the driver's unit if it is to be sent now."""
        target = command.positions[command.motion_points - 1, self._columns]
        paused = steady_ns - self._seen_ns > _PAUSE_NS
        self._seen_ns = steady_ns
        changed = self._sent is None or paused or bool(np.abs(target - self._sent).max() >= self._min_step)
        if not changed or not self._pace.allows(steady_ns):
            return None
        self._sent = target.copy()
        return self._unit.outside(target)
