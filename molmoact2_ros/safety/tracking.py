# SPDX-License-Identifier: Apache-2.0
"""Whether the robot is where the command in force wants it to be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interfaces.safety_state import Cause, Verdict
from molmoact2_ros.timing import Instant

from . import cubic
from .limits import Limits
from .settings import Settings

Vector = NDArray[np.float64]


class Tracking:
    """A robot may be late by its controllers' delay, and far off for a moment; not for long.

    What is far off at once makes the next command a jump. Grippers are left out: one that holds an object stands short
    of its command.
    """

    def __init__(self, limits: Limits, settings: Settings) -> None:
        """Take the joints and how far, and how long, they may be off."""
        self._limits = limits
        self._settings = settings
        self.forget()

    def forget(self) -> None:
        """Start again."""
        self._since: Instant | None = None  # when the robot was first found off, without a break

    def check(self, state: RobotState, command: JointCommand | None, recent: Vector, now: Instant) -> Verdict | None:
        """Judge a measurement, in joint order.

        Args:
            state: the measurement.
            command: in force at its stamp; None: there is none.
            recent: [joints] the largest speeds of the commands of late.
            now: the present.
        """
        if command is None:
            return None
        settings = self._settings
        position, velocity = cubic.evaluate(command, state.stamp_ns)
        speed = cubic.believed_speed(velocity, state.velocities, recent)
        allowed = settings.tracking_error_arm_rad + speed * settings.tracking_lag_s
        distance = np.abs(position - state.positions)
        joint = int(np.argmax(np.where(self._limits.is_gripper, 0.0, distance / allowed)))
        if self._limits.is_gripper[joint] or distance[joint] <= allowed[joint]:
            self._since = None
            return None
        self._since = self._since or now
        off_s = now.since_s(self._since)
        if off_s <= settings.tracking_error_time_s:
            return None
        name, value, limit = self._limits.names[joint], float(distance[joint]), float(allowed[joint])
        text = (
            f"{name} has been away from its command for {off_s:.2f} s, by {value:.4f} rad now, at most {limit:.4f} rad "
            f"is allowed for longer than {settings.tracking_error_time_s} s"
        )
        return Verdict(Cause.TRACKING_ERROR, text, name, value=value, limit=limit)
