# SPDX-License-Identifier: Apache-2.0
"""Chunks of a smooth motion within limits, for tests and benchmarks: each joint swings about its middle."""

from __future__ import annotations

import numpy as np

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.action_chunk import ActionChunk
from molmoact2_ros.interfaces.robot_state import RobotState

from .motion import Vector

HORIZON_S = 1.0


class ExampleMotion:
    """Sinusoids drawn from a seed that reach at most `ratio` of the velocity and of the acceleration limits."""

    def __init__(self, embodiment: Embodiment, seed: int = 0, ratio: float = 0.3) -> None:
        """Draw the motion."""
        generator = np.random.default_rng(seed)
        low, high = embodiment.limits("low"), embodiment.limits("high")
        count = len(low)
        self._names = embodiment.joint_names
        self._step_s = embodiment.policy.step_s
        self._turn_rad_s = generator.uniform(0.5, 3.0, count)
        self._phase = generator.uniform(0.0, 2 * np.pi, count)
        by_velocity = ratio * embodiment.limits("velocity") / self._turn_rad_s
        by_acceleration = ratio * embodiment.limits("acceleration") / self._turn_rad_s**2
        self._swing = np.min([0.2 * (high - low), by_velocity, by_acceleration], axis=0)
        self._middle = (low + high) / 2

    def positions(self, times_s: Vector) -> Vector:
        """Return [times, joints]."""
        return self._middle + self._swing * np.sin(self._turn_rad_s * times_s[:, None] + self._phase)

    def chunk(self, stamp_ns: int, sequence: int, offset: Vector | float = 0.0) -> ActionChunk:
        """Return the rows of one second from `stamp_ns`, moved by `offset` [joints], rounded as the message does."""
        steps = round(HORIZON_S / self._step_s)
        rows = self.positions(stamp_ns * 1e-9 + np.arange(steps, dtype=np.float64) * self._step_s) + offset
        return ActionChunk(stamp_ns, sequence, self._step_s, self._names, rows.astype(np.float32).astype(np.float64))

    def state(self, stamp_ns: int) -> RobotState:
        """Return a robot that stands still where the motion is at `stamp_ns`."""
        position = self.positions(np.array([stamp_ns * 1e-9]))[0]
        return RobotState(stamp_ns, self._names, position, np.zeros_like(position))
