# SPDX-License-Identifier: Apache-2.0
"""When the messages of one topic came, and what that says of its rhythm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NS_PER_S = 1e9
_STRAY_S = 5.0  # queues delay by less


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Vectors [messages] of int64 ns: arrival by the steady clock, arrival by ROS time, stamp.

    `until_ns` (steady) is when listening ended: silence at the end counts.
    """

    received_ns: NDArray[np.int64]
    arrived_ns: NDArray[np.int64]
    stamps_ns: NDArray[np.int64]
    until_ns: int

    @property
    def count(self) -> int:
        """Messages."""
        return int(self.received_ns.size)

    @property
    def rate_hz(self) -> float:
        """Messages a second, from the first to the end of listening; 0 for one message."""
        if self.count < 2:
            return 0.0
        span_ns = max(self.received_ns[-1] - self.received_ns[0], self.until_ns - self.received_ns[0] - self._mean_ns)
        return float((self.count - 1) * NS_PER_S / span_ns) if span_ns > 0 else 0.0

    @property
    def largest_gap_s(self) -> float:
        """Longest silence, that at the end included."""
        gaps = np.diff(np.append(self.received_ns, self.until_ns))
        return float(gaps.max() / NS_PER_S) if gaps.size else float("inf")

    @property
    def missing(self) -> int:
        """Messages that the stamps say were sent between those that came, or should have been."""
        # Half of all stamps at least are near the median age: one that strays far would count as an hour of losses.
        near = np.abs(self.ages_s - np.median(self.ages_s)) < _STRAY_S if self.count else slice(None)
        steps = np.diff(np.unique(self.stamps_ns[near]))
        # Over the whole span, for a driver that is late once is early afterwards.
        return max(0, round(float(steps.sum() / np.median(steps))) - steps.size) if steps.size else 0

    @property
    def ages_s(self) -> NDArray[np.float64]:
        """[messages] Age of each stamp at arrival; negative where the stamp lies in the future."""
        return (self.arrived_ns - self.stamps_ns) / NS_PER_S

    @property
    def _mean_ns(self) -> float:
        return float((self.received_ns[-1] - self.received_ns[0]) / (self.count - 1))

    def where(self, mask: NDArray[np.bool_] | NDArray[np.int64]) -> Arrivals:
        """Return the arrivals of some of the messages, by mask or index."""
        return Arrivals(self.received_ns[mask], self.arrived_ns[mask], self.stamps_ns[mask], self.until_ns)
