# SPDX-License-Identifier: Apache-2.0
"""Whether the robot is measured to stand still, and for how long it has."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.timing import Instant

Vector = NDArray[np.float64]

# Positions of a robot at rest still change by the steps of its encoders: 12 bits are 1.5 mrad. Within the time that is
# asked for they may cover as many times the way that the largest speed at rest would.
ENCODER_STEPS = 2.0


class Standstill:
    """One sample below the bounds proves nothing: velocities pass through zero when they change sign.

    Reported velocities alone prove nothing either: some drivers report zeros. Positions must stay where they are, too.
    """

    def __init__(self, bounds: Vector, hold_s: float) -> None:
        """Take the speed [joints] below which a joint stands, and how long all must."""
        self._bounds = bounds
        self._hold_s = hold_s
        self._range = ENCODER_STEPS * bounds * hold_s
        self._since: Instant | None = None
        self._recent: deque[tuple[Instant, Vector]] = deque()  # positions of the last `hold_s`

    def update(self, positions: Vector, velocities: Vector, now: Instant) -> None:
        """Note measured positions and velocities [joints]."""
        self._recent.append((now, positions))
        while len(self._recent) > 1 and now.since_s(self._recent[1][0]) >= self._hold_s:
            self._recent.popleft()
        if np.any(np.abs(velocities) >= self._bounds):
            self._since = None
        elif self._since is None:
            self._since = now

    def forget(self) -> None:
        """Claim nothing until new measurements come: there was a time in which nothing was measured."""
        self._since = None
        self._recent.clear()

    def holds(self, now: Instant) -> bool:
        """Return whether every joint has stood still for long enough."""
        if self._since is None or now.since_s(self._since) < self._hold_s:
            return False
        return bool(np.all(np.ptp([positions for _, positions in self._recent], axis=0) <= self._range))
