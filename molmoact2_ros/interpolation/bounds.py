# SPDX-License-Identifier: Apache-2.0
"""What motion may ask of the joints where it begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .motion import Motion, Vector


@dataclass(frozen=True)
class Bounds:
    """Largest velocity, acceleration and jerk [joints]."""

    velocity: Vector
    acceleration: Vector
    jerk: Vector

    def scaled(self, ratio: float) -> Bounds:
        """Return the same part of each."""
        return Bounds(ratio * self.velocity, ratio * self.acceleration, ratio * self.jerk)

    def hold_at(self, motion: Motion) -> NDArray[np.bool_]:
        """Return for each time of `motion` [times, joints] whether all velocities and accelerations stay below."""
        slow = (np.abs(motion.velocities) < self.velocity).all(axis=1)
        gentle = (np.abs(motion.accelerations) < self.acceleration).all(axis=1)
        return np.logical_and(slow, gentle)
