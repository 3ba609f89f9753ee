# SPDX-License-Identifier: Apache-2.0
"""Whether the robot is measured to stand still, and for how long it has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .instant import Instant

Vector = NDArray[np.float64]


class Standstill:
    """One sample below the bounds proves nothing: velocities pass through zero when they change sign."""

    def __init__(self, bounds: Vector, hold_s: float) -> None:
        """Take the speed [joints] below which a joint stands, and how long all must."""
        self._bounds = bounds
        self._hold_s = hold_s
        self._since: Instant | None = None

    def update(self, velocities: Vector, now: Instant) -> None:
        """Note measured velocities [joints]."""
        if np.any(np.abs(velocities) >= self._bounds):
            self._since = None
        elif self._since is None:
            self._since = now

    def forget(self) -> None:
        """Claim nothing until new velocities come: there was a time in which nobody measured."""
        self._since = None

    def holds(self, now: Instant) -> bool:
        """Tell whether every joint has stood still for long enough."""
        return self._since is not None and now.since_s(self._since) >= self._hold_s
