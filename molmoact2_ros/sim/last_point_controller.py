# SPDX-License-Identifier: Apache-2.0
"""What i2rt_ros2_jazzy does with joint_command: take the last point, go there at once, let go when nothing comes.

Names and times are not looked at; the servos are handed a target, and no velocity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import CommandRefused
from .joint_trajectory import JointTrajectory

Vector = NDArray[np.float64]

TIMEOUT_NS = 200_000_000  # its joint_command_timeout


class LastPointController:
    """Stand at the last point of the newest trajectory. Units are the driver's, the order is that of the joints."""

    def __init__(self, names: tuple[str, ...], positions: Vector) -> None:
        """Hold `positions` [joints]."""
        self._names = names
        self._target = positions.copy()
        self._measured = positions.copy()
        self._deadline_ns: int | None = None

    def accept(self, trajectory: JointTrajectory, now_ns: int, measured: Vector, measured_velocities: Vector) -> None:  # noqa: ARG002
        """Take the last point.

        Args:
            trajectory: the new one.
            now_ns: ROS time of reception.
            measured: [joints] where the robot is; not used.
            measured_velocities: [joints]; not used.

        Raises:
            CommandRefused: there is no point, or it has too few positions.
        """
        if not len(trajectory.positions):
            raise CommandRefused("trajectory without points")
        if trajectory.positions.shape[1] < len(self._names):
            raise CommandRefused(f"expected {len(self._names)} positions, got {trajectory.positions.shape[1]}")
        self._target = trajectory.positions[-1, : len(self._names)].copy()
        self._deadline_ns = now_ns + TIMEOUT_NS

    def watch(self, measured: Vector) -> None:
        """Learn where the robot is [joints]: that is held when commands cease."""
        self._measured = measured

    def sample(self, time_ns: int) -> tuple[Vector, Vector]:
        """Return the setpoint at a time: positions and velocities [joints]."""
        if self._deadline_ns is not None and time_ns > self._deadline_ns:
            self._target, self._deadline_ns = self._measured.copy(), None
        return self._target, np.zeros_like(self._target)

    def delay(self, duration_ns: int) -> None:
        """Shift into the future, for a simulation that stood still."""
        if self._deadline_ns is not None:
            self._deadline_ns += duration_ns
