# SPDX-License-Identifier: Apache-2.0
"""Whether the robot's state changes: a driver that hangs may repeat what it measured last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interfaces.safety_state import Cause, Verdict
from molmoact2_ros.timing import Instant

from . import cubic
from .limits import Limits
from .settings import Settings


class FrozenState:
    """No measurement repeats bit for bit, nor keeps its stamp, while commands lead the arm away.

    Joints that one driver reports are looked at together: one of two arms may freeze and the other not, and one of
    several joints may rightly stand still. How far commands lead decides, not time alone: an encoder with coarse steps
    repeats itself in slow motion, rightly.
    """

    def __init__(self, limits: Limits, settings: Settings, groups: Sequence[Sequence[str]] = ()) -> None:
        """Take the joints, and how far and for how long commands may go on while nothing changes.

        Args:
            limits: names the joints.
            settings: the thresholds.
            groups: names of the joints that one driver reports, for each driver; empty: all are one's.
        """
        self._groups = [_FrozenGroup(limits, settings, group) for group in groups or [limits.names]]

    def forget(self) -> None:
        """Start again."""
        for group in self._groups:
            group.forget()

    def check(self, state: RobotState, command: JointCommand | None, now: Instant) -> Verdict | None:
        """Judge a measurement, in joint order, by the command in force now; None: there is none."""
        verdicts = [group.check(state, command, now) for group in self._groups]  # each must see every measurement
        return next((verdict for verdict in verdicts if verdict is not None), None)


class _FrozenGroup:
    def __init__(self, limits: Limits, settings: Settings, joints: Sequence[str]) -> None:
        self._limits = limits
        self._settings = settings
        self._mine = np.isin(limits.names, joints)
        self._counts = self._mine & ~limits.is_gripper  # a gripper may be held by what it grips
        self.forget()

    def forget(self) -> None:
        self._state: RobotState | None = None  # the first of those that say the same
        self._since: Instant | None = None
        self._origin: NDArray[np.float64] | None = None  # [joints] where the commands were then

    def check(self, state: RobotState, command: JointCommand | None, now: Instant) -> Verdict | None:
        if command is None:
            self.forget()
            return None
        wanted, _ = cubic.evaluate(command, now.ros_ns)
        if self._state is None or self._since is None or self._origin is None or self._is_news(state):
            self._state, self._since, self._origin = state, now, wanted
            return None
        led = np.where(self._counts, np.abs(wanted - self._origin), 0.0)
        joint, same_s, settings = int(np.argmax(led)), now.since_s(self._since), self._settings
        if led[joint] <= settings.frozen_state_arm_rad or same_s <= settings.frozen_state_time_s:
            return None
        name, value = self._limits.names[joint], float(led[joint])
        text = (
            f"{self._subject} has not changed for {same_s:.2f} s, while commands led {name} away by {value:.4f} rad: "
            "its driver repeats itself, or the robot does not move at all"
        )
        return Verdict(Cause.FROZEN_STATE, text, name, value=value, limit=settings.frozen_state_arm_rad)

    def _is_news(self, state: RobotState) -> bool:
        before = self._state
        if before is None or state.stamp_ns <= before.stamp_ns:
            return False
        pairs = (state.positions, before.positions), (state.velocities, before.velocities)
        return not all(np.array_equal(new[self._mine], old[self._mine]) for new, old in pairs)

    @property
    def _subject(self) -> str:
        if self._mine.all():
            return "robot_state"
        return f"robot_state of {', '.join(np.array(self._limits.names)[self._mine])}"
