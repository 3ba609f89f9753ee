# SPDX-License-Identifier: Apache-2.0
"""Tell a camera that repeats its last picture from one that sees a still scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .frame import Frame

Vector = NDArray[np.float64]


class PictureWatch:
    """Follow one camera's picture, byte for byte, and how far the arm moved while it stayed the same.

    Sensor noise changes every picture of a living camera, so one that stays identical while the arm moves is not live,
    however new its stamps. While the arm stands still nothing is concluded: a simulated picture may rightly not change.
    """

    def __init__(self) -> None:
        self.unchanged_s = 0.0
        self.moved_rad = 0.0
        self._first: Frame | None = None
        self._arm_then_rad: Vector = np.zeros(0)

    def see(self, frame: Frame, arm_rad: Vector) -> None:
        """Compare a newer frame with the picture before it, the arm being at `arm_rad` now."""
        if self._first is None or frame.checksum != self._first.checksum:
            self._first, self._arm_then_rad = frame, arm_rad
            self.unchanged_s = self.moved_rad = 0.0
            return
        self.unchanged_s = (frame.stamp_ns - self._first.stamp_ns) / 1e9
        # The largest distance counts: an arm that went out and back must have shown in between.
        self.moved_rad = max(self.moved_rad, float(np.abs(arm_rad - self._arm_then_rad).max()))
