# SPDX-License-Identifier: Apache-2.0
"""Lead the chunks of a policy smoothly to a pose of our own, so that only the pose can be objected to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.action_chunk import ActionChunk
from molmoact2_ros.interpolation.curve import Curve
from molmoact2_ros.safety import Limits
from molmoact2_ros.timing import NS_PER_S

Vector = NDArray[np.float64]

SPEED_SHARE, ACCELERATION_SHARE = 0.3, 0.15  # of the limits, at the peak of the way
LEAST_S = 1.0
# Peaks of the quintic that goes from rest to rest over a unit length in a unit time.
PEAK_SPEED, PEAK_ACCELERATION = 1.875, 5.7735


@dataclass(frozen=True)
class Detour:
    """Leave what one honest chunk says at `start_ns` (ROS time), for rest at `pose` [joints] `duration_s` later.

    The motion of that chunk fades out towards `stay` [joints], while the way from there to the pose begins; both
    without a step in speed or acceleration. Later chunks have no part in it, not even before the start: no two of a
    policy agree to the last milliradian, and one that sees the arm astray follows it.
    """

    honest: Curve
    start_ns: int
    duration_s: float
    stay: Vector
    pose: Vector

    @classmethod
    def plan(cls, chunk: ActionChunk, start_ns: int, pose: Vector, limits: Limits) -> Detour:
        """Plan; `pose` [joints] is in the order of `limits`, as the chunk is.

        Raises:
            ValueError: the chunk is no motion that could be left.
        """
        is_finite = len(chunk.positions) > 1 and np.isfinite(chunk.positions).all()
        honest = Curve.through(chunk, chunk.names, 0) if is_finite else None
        if honest is None or honest.end_ns <= start_ns:
            raise ValueError(f"expected a chunk of finite rows that goes beyond ROS time {start_ns} ns to begin with")
        stay = _at(honest, np.array([start_ns]))[0]
        way = np.abs(pose - stay)
        duration_s = max(
            LEAST_S,
            float(np.max(PEAK_SPEED * way / (SPEED_SHARE * limits.velocity))),
            float(np.sqrt(np.max(PEAK_ACCELERATION * way / (ACCELERATION_SHARE * limits.acceleration)))),
        )
        return cls(honest, start_ns, duration_s, stay, pose)

    def follow(self, chunk: ActionChunk) -> ActionChunk:
        """Return the chunk with every row where it belongs by its time: before the start, on the way, or at its end."""
        times_ns = chunk.stamp_ns + (chunk.step_s * NS_PER_S * np.arange(len(chunk.positions))).astype(np.int64)
        since_s = (times_ns - self.start_ns)[:, None] / NS_PER_S  # [rows, 1]
        left = _eased(since_s / ((self.honest.end_ns - self.start_ns) / NS_PER_S))
        led = (1 - left) * _at(self.honest, times_ns) + left * self.stay
        led += _eased(since_s / self.duration_s) * (self.pose - self.stay)
        return replace(chunk, positions=led)


def _at(curve: Curve, times_ns: NDArray[np.int64]) -> Vector:
    """Return positions [times, joints]; before and after the curve, those of its ends."""
    return curve.at(np.clip(times_ns, curve.start_ns, curve.end_ns)).positions


def _eased(share: Vector) -> Vector:
    """Return 0 to 1 for 0 to 1, at rest and without acceleration at both ends."""
    share = np.clip(share, 0.0, 1.0)
    return share**3 * (10 - 15 * share + 6 * share**2)
