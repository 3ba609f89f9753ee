# SPDX-License-Identifier: Apache-2.0
"""The noise of the sensor, learnt from the video itself."""

from __future__ import annotations

from collections import deque

import numpy as np

from .cell_picture import CellPicture

PAIRS = 15  # one second: a bump of the camera is one pair, and does not move the median
QUIET_SHARE = 0.25  # this part of the cells is taken to show nothing that moves
LEAST_LEVELS = 0.35  # two roundings to whole levels, averaged over a block of correlated pixels


class NoiseFloor:
    """Standard deviation, in grey levels, of the difference of two block means that show the same."""

    def __init__(self) -> None:
        self._pairs: deque[float] = deque(maxlen=PAIRS)
        self._last: CellPicture | None = None

    @property
    def levels(self) -> float:
        """The estimate; the least possible before the second picture."""
        return max(LEAST_LEVELS, float(np.median(self._pairs))) if self._pairs else LEAST_LEVELS

    def see(self, picture: CellPicture) -> None:
        """Take the next picture, of one frame."""
        if self._last is not None:
            difference = picture.blocks - self._last.blocks * np.float32(self._last.gain_to(picture))
            deviations = np.sqrt(np.mean(np.square(difference), axis=1))
            self._pairs.append(float(np.quantile(deviations, QUIET_SHARE)))
        self._last = picture
