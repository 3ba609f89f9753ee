# SPDX-License-Identifier: Apache-2.0
"""Lead the chunks of a policy smoothly to a pose of our own, so that only the pose can be objected to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import ActionChunk
from molmoact2_ros.safety import Limits

Vector = NDArray[np.float64]
NS_PER_S = 1_000_000_000

SPEED_SHARE, ACCELERATION_SHARE = 0.3, 0.15  # of the limits, at the peak of the way
LEAST_S = 1.0
# Peaks of the quintic that goes from rest to rest over a unit length in a unit time.
PEAK_SPEED, PEAK_ACCELERATION = 1.875, 5.7735


@dataclass(frozen=True)
class Detour:
    """A quintic in time from where an honest chunk is at `start_ns`, at its speed, to rest in a pose.

    `coefficients` [6, joints] are of powers of the seconds since `start_ns`; the way takes `duration_s`.
    """

    start_ns: int
    duration_s: float
    coefficients: Vector
    pose: Vector

    @classmethod
    def plan(cls, chunk: ActionChunk, start_ns: int, pose: Vector, limits: Limits) -> Detour:
        """Begin on a chunk at a ROS time; `pose` [joints] in the chunk's order of joints, as `limits` is."""
        position, velocity = _at(chunk, start_ns)
        way = np.abs(pose - position)
        duration_s = max(
            LEAST_S,
            float(np.max(PEAK_SPEED * way / (SPEED_SHARE * limits.velocity))),
            float(np.sqrt(np.max(PEAK_ACCELERATION * way / (ACCELERATION_SHARE * limits.acceleration)))),
        )
        return cls(start_ns, duration_s, _quintic(position, velocity, pose, duration_s), pose)

    def follow(self, chunk: ActionChunk) -> ActionChunk:
        """Return the chunk with every row after the start on the way, or at its end."""
        times_s = (chunk.stamp_ns - self.start_ns) / NS_PER_S + chunk.step_s * np.arange(len(chunk.positions))
        powers = np.clip(times_s, 0.0, self.duration_s)[:, None] ** np.arange(6)  # [rows, 6]
        led = np.where(times_s[:, None] >= self.duration_s, self.pose, powers @ self.coefficients)
        return replace(chunk, positions=np.where(times_s[:, None] < 0.0, chunk.positions, led))


def _at(chunk: ActionChunk, time_ns: int) -> tuple[Vector, Vector]:
    """Return position and velocity [joints] of a chunk at a ROS time; before and after it, those of its ends."""
    row = (time_ns - chunk.stamp_ns) / NS_PER_S / chunk.step_s
    index = int(np.clip(np.floor(row), 0, len(chunk.positions) - 2))
    before, after = chunk.positions[index], chunk.positions[index + 1]
    share = float(np.clip(row - index, 0.0, 1.0))
    return before + share * (after - before), (after - before) / chunk.step_s


def _quintic(position: Vector, velocity: Vector, end: Vector, duration_s: float) -> Vector:
    """Return [6, joints]: from a position and velocity without acceleration to rest at `end`."""
    time = duration_s ** np.arange(6)
    way, carried = end - position, velocity * duration_s
    return np.array(
        [
            position,
            velocity,
            np.zeros_like(position),
            (10 * way - 6 * carried) / time[3],
            (-15 * way + 8 * carried) / time[4],
            (6 * way - 3 * carried) / time[5],
        ]
    )
