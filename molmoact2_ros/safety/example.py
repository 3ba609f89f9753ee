# SPDX-License-Identifier: Apache-2.0
"""A motion that passes every check, for tests and benchmarks: each joint swings, and each command ends in a brake."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.timing import NS_PER_S

from .limits import Limits

Vector = NDArray[np.float64]

MOTION_POINTS = 4  # three periods
SWING_RATIO = 0.3  # of the velocity and acceleration limits
POSE_SWING = 0.3  # rad, or strokes
BRAKE_RATIO = 0.5  # of the acceleration limit


class ExampleMotion:
    """A swing of every joint from rest, at a speed drawn from a seed: by default about the middle of its range.

    About a pose of the robot it stays small enough to leave neither the workspace nor the air above the table.
    """

    def __init__(self, limits: Limits, period_s: float, seed: int = 0, pose: Vector | None = None) -> None:
        """Draw the motion; `pose` [joints] is where it begins."""
        generator = np.random.default_rng(seed)
        self._limits = limits
        self._period_s = period_s
        self._turn_rad_s = generator.uniform(1.0, 4.0, len(limits.names))
        room = np.min(
            [0.2 * (limits.high - limits.low), self._bounded_by_speed(), self._bounded_by_acceleration()], axis=0
        )
        self._swing = generator.uniform(-1.0, 1.0, len(limits.names)) * room
        self._middle = (limits.low + limits.high) / 2
        if pose is not None:
            ends = np.minimum(limits.high - pose, POSE_SWING), np.minimum(pose - limits.low, POSE_SWING)
            self._middle, self._swing = pose, np.clip(self._swing, -ends[1] / 2, ends[0] / 2)

    def state(self, index: int) -> tuple[Vector, Vector]:
        """Return position and velocity [joints] after `index` command periods; at rest at 0."""
        angle = self._turn_rad_s * index * self._period_s
        return self._middle + self._swing * (1 - np.cos(angle)), self._swing * self._turn_rad_s * np.sin(angle)

    def command(self, index: int, origin_ns: int, chunk_sequence: int = 0, observation_ns: int = 0) -> JointCommand:
        """Return the command that starts `index` periods after `origin_ns`; each continues the one before it."""
        motion = [self.state(index + point) for point in range(MOTION_POINTS)]
        points = motion + self._brake(*motion[-1])
        return JointCommand(
            start_ns=origin_ns + round(index * self._period_s * NS_PER_S),
            sequence=index + 1,
            step_s=self._period_s,
            names=self._limits.names,
            motion_points=MOTION_POINTS,
            positions=np.array([position for position, _ in points]),
            velocities=np.array([velocity for _, velocity in points]),
            observation_ns=observation_ns,
            chunk_sequence=chunk_sequence,
        )

    def _brake(self, position: Vector, velocity: Vector) -> list[tuple[Vector, Vector]]:
        deceleration = -np.sign(velocity) * BRAKE_RATIO * self._limits.acceleration
        time_s = np.abs(velocity) / (BRAKE_RATIO * self._limits.acceleration)
        points = []
        for step in range(1, int(np.ceil(time_s.max() / self._period_s)) + 2):
            elapsed_s = np.minimum(step * self._period_s, time_s)
            speed = np.where(elapsed_s < time_s, velocity + deceleration * elapsed_s, 0.0)
            points.append((position + velocity * elapsed_s + deceleration * elapsed_s**2 / 2, speed))
        return points

    def _bounded_by_speed(self) -> Vector:
        return SWING_RATIO * self._limits.velocity / self._turn_rad_s

    def _bounded_by_acceleration(self) -> Vector:
        return SWING_RATIO * self._limits.acceleration / self._turn_rad_s**2
