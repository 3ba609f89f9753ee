# SPDX-License-Identifier: Apache-2.0
"""A command with its accelerations: what the robot executes until the next one, and where the next one begins."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.timing import S_PER_NS

from .motion import Motion, Vector


@dataclass(frozen=True)
class Trajectory:
    """Points on the command grid that end at rest; point i belongs to `start_ns + i * period_ns` (ROS time).

    `observation_ns`, `chunk_sequence`, `operator_requested` and `chunk_velocities` as in JointCommand.
    """

    start_ns: int
    period_ns: int
    motion_points: int
    motion: Motion
    observation_ns: int = 0
    chunk_sequence: int = 0
    operator_requested: bool = False
    chunk_velocities: Vector = field(default_factory=lambda: np.empty(0))

    @classmethod
    def hold(cls, start_ns: int, period_ns: int, position: Vector) -> Trajectory:
        """Stay at `position` [joints]."""
        return cls(start_ns, period_ns, 1, Motion.resting(position[None].repeat(2, axis=0)))

    def at(self, time_ns: int) -> Motion:
        """Return the state [joints] at a time on the grid, not before the start; at rest behind the last point."""
        return self.since(time_ns).motion[0]

    def brakes_at(self, time_ns: int) -> bool:
        """Return whether the motion that follows a chunk is over."""
        return time_ns > self.start_ns + (self.motion_points - 1) * self.period_ns

    def since(self, time_ns: int) -> Trajectory:
        """Return what is left of it at a time on the grid: at least two points."""
        passed = min((time_ns - self.start_ns) // self.period_ns, len(self.motion) - 1)
        left = self.motion[passed:]
        if len(left) == 1:
            left = Motion.joined([left, left])  # at rest: the last point of every trajectory that safety passes is
        return replace(self, start_ns=time_ns, motion_points=max(1, self.motion_points - passed), motion=left)

    def lasting(self, seconds: float) -> Trajectory:
        """Return it with its end held until all of it lasts as long as that; controllers may be late by as much."""
        missing = math.ceil(seconds / (self.period_ns * S_PER_NS) - 1e-9) + 1 - len(self.motion)
        if missing <= 0:
            return self
        held = Motion.resting(self.motion.positions[-1:].repeat(missing, axis=0))
        return replace(self, motion=Motion.joined([self.motion, held]))

    def command(self, sequence: int, names: tuple[str, ...]) -> JointCommand:
        """Return it as the command that travels."""
        return JointCommand(
            start_ns=self.start_ns,
            sequence=sequence,
            step_s=self.period_ns * S_PER_NS,
            names=names,
            motion_points=self.motion_points,
            positions=self.motion.positions,
            velocities=self.motion.velocities,
            observation_ns=self.observation_ns,
            chunk_sequence=self.chunk_sequence,
            operator_requested=self.operator_requested,
            chunk_velocities=self.chunk_velocities,
        )
