# SPDX-License-Identifier: Apache-2.0
"""A curve entered from a state that is not on it, as at the seam between two chunks."""

from __future__ import annotations

import numpy as np

from molmoact2_ros.timing import S_PER_NS

from .motion import Motion, Times
from .seam import Seam, Timeline


class Fade(Seam):
    """Follow `timeline` plus an offset that is the given state's at first and has faded after `blend_s`.

    The offset is the quintic polynomial that meets position, velocity and acceleration at both ends, so all three are
    continuous at the seam and after it. Nothing is limited here: a chunk that lies far off becomes a violent motion,
    which safety refuses by name.
    """

    def __init__(self, timeline: Timeline, start_ns: int, state: Motion, blend_s: float) -> None:
        """Enter `timeline` at `start_ns` from `state` [joints]."""
        super().__init__(timeline, start_ns, state, blend_s)
        self._timeline = timeline
        self._blend_s = blend_s
        self._coefficients = _fading_quintic(self.offset, blend_s)

    def at(self, times_ns: Times) -> Motion:
        """Evaluate at times from the seam to `end_ns`; returns [times, joints]."""
        elapsed_s = (times_ns - self.joined_ns) * S_PER_NS
        motion = self._timeline.at(times_ns)
        if elapsed_s[0] >= self._blend_s:
            return motion
        return motion + self._offset_at(np.minimum(elapsed_s, self._blend_s))

    def _offset_at(self, elapsed_s: np.ndarray) -> Motion:
        t, zero, one = elapsed_s, np.zeros_like(elapsed_s), np.ones_like(elapsed_s)
        position = np.stack([one, t, t**2, t**3, t**4, t**5], axis=1)
        velocity = np.stack([zero, one, 2 * t, 3 * t**2, 4 * t**3, 5 * t**4], axis=1)
        acceleration = np.stack([zero, zero, 2 * one, 6 * t, 12 * t**2, 20 * t**3], axis=1)
        return Motion(*(basis @ self._coefficients for basis in (position, velocity, acceleration)))


def _fading_quintic(offset: Motion, blend_s: float) -> np.ndarray:
    """Return coefficients [6, joints] of the polynomial from `offset` [joints] to zero, with its derivatives."""
    position, velocity, acceleration = offset.positions, offset.velocities, offset.accelerations
    speed, bend = velocity * blend_s, acceleration * blend_s**2  # in units of position
    return np.stack(
        [
            position,
            velocity,
            acceleration / 2,
            -(20 * position + 12 * speed + 3 * bend) / (2 * blend_s**3),
            (30 * position + 16 * speed + 3 * bend) / (2 * blend_s**4),
            -(12 * position + 6 * speed + bend) / (2 * blend_s**5),
        ]
    )
