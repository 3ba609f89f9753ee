# SPDX-License-Identifier: Apache-2.0
"""What ros2_controllers' joint_trajectory_controller does with a topic: replace, join in, interpolate, hold.

Emulated from its documentation with default parameters (allow_partial_joints_goal, open_loop_control and
allow_nonzero_velocity_at_trajectory_end false). One difference: it passes a NaN on to the robot, this one refuses it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.timing import NS_PER_S

from .errors import CommandRefused
from .joint_trajectory import JointTrajectory

Vector = NDArray[np.float64]


class TrajectoryController:
    """Play the newest trajectory and hold its last point. Units and names are the driver's."""

    def __init__(self, names: tuple[str, ...], positions: Vector) -> None:
        """Hold `positions` [joints], in the order of `names`, until a trajectory comes."""
        self._names = names
        self._times_ns = np.zeros(1, dtype=np.int64)
        self._positions: Vector = positions.reshape(1, -1).copy()
        self._velocities: Vector | None = None

    def accept(self, trajectory: JointTrajectory, now_ns: int, measured: Vector, measured_velocities: Vector) -> None:
        """Replace the running trajectory; join it in the present if it began in the past.

        Args:
            trajectory: the new one.
            now_ns: ROS time of reception.
            measured: [joints] the motion up to the first point starts here.
            measured_velocities: [joints].

        Raises:
            CommandRefused: the joints are not exactly the controller's, sizes differ, times do not increase, a value
                is not finite, the last point moves, or all of it is past. The running trajectory goes on.
        """
        order = self._check(trajectory)
        start_ns = trajectory.start_ns or now_ns
        times_ns = start_ns + np.round(trajectory.times_s * NS_PER_S).astype(np.int64)
        if times_ns[-1] < now_ns:
            raise CommandRefused(f"trajectory ended {(now_ns - times_ns[-1]) / 1e6:.0f} ms before it arrived")
        positions, velocities = trajectory.positions[:, order], None
        if trajectory.velocities is not None:
            velocities = trajectory.velocities[:, order]
        if times_ns[0] > now_ns:  # the way to the first point starts at the robot
            times_ns = np.concatenate([[now_ns], times_ns])
            positions = np.vstack([measured, positions])
            velocities = None if velocities is None else np.vstack([measured_velocities, velocities])
        self._times_ns, self._positions, self._velocities = times_ns, positions, velocities

    def sample(self, time_ns: int) -> tuple[Vector, Vector]:
        """Return the setpoint at a time: positions and velocities [joints]."""
        last = len(self._times_ns) - 1
        index = int(np.searchsorted(self._times_ns, time_ns, side="right")) - 1
        if index >= last or index < 0:
            return self._positions[min(max(index, 0), last)], np.zeros(len(self._names))
        return self._interpolate(index, time_ns)

    def delay(self, duration_ns: int) -> None:
        """Shift the running trajectory into the future, for a simulation that stood still."""
        self._times_ns = self._times_ns + duration_ns

    @property
    def end_ns(self) -> int:
        """Time at which the running trajectory comes to rest."""
        return int(self._times_ns[-1])

    def _interpolate(self, index: int, time_ns: int) -> tuple[Vector, Vector]:
        span_s = float(self._times_ns[index + 1] - self._times_ns[index]) / NS_PER_S
        phase = float(time_ns - self._times_ns[index]) / NS_PER_S / span_s
        start, step = self._positions[index], self._positions[index + 1] - self._positions[index]
        if self._velocities is None:
            return start + phase * step, step / span_s
        entry, leave = self._velocities[index] * span_s, self._velocities[index + 1] * span_s
        square, cube = 3.0 * step - 2.0 * entry - leave, entry + leave - 2.0 * step
        position = start + phase * (entry + phase * (square + phase * cube))
        return position, (entry + phase * (2.0 * square + 3.0 * phase * cube)) / span_s

    def _check(self, trajectory: JointTrajectory) -> list[int]:
        names, points = trajectory.names, len(trajectory.times_s)
        if sorted(names) != sorted(self._names):
            raise CommandRefused(f"expected joints {', '.join(self._names)}; got {', '.join(names) or 'none'}")
        if not points:
            raise CommandRefused("trajectory without points")
        arrays = [trajectory.positions] + ([] if trajectory.velocities is None else [trajectory.velocities])
        if any(values.shape != (points, len(names)) for values in arrays):
            raise CommandRefused(f"expected {points} points of {len(names)} values each")
        if not all(np.isfinite(values).all() for values in [trajectory.times_s, *arrays]):
            raise CommandRefused("trajectory with values that are not finite")
        if (np.diff(trajectory.times_s) <= 0).any() or trajectory.times_s[0] < 0:
            raise CommandRefused("times of the points do not increase")
        if trajectory.velocities is not None and np.abs(trajectory.velocities[-1]).max() > np.finfo(np.float32).eps:
            raise CommandRefused("the last point still moves; its velocity must be 0")
        return [names.index(name) for name in self._names]
