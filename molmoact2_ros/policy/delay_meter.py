# SPDX-License-Identifier: Apache-2.0
"""How many rows of a chunk pass before it arrives."""

from __future__ import annotations

import math
from collections import deque

REMEMBERED = 20  # calls: a second or so, after which a slow one is forgotten
UNMEASURED_STEPS = 1


class DelayMeter:
    """The delay of a policy's calls, in steps of its chunks."""

    def __init__(self, step_s: float) -> None:
        """Bind to the time between two rows.

        Raises:
            ValueError: if it is not positive.
        """
        if not step_s > 0:
            raise ValueError(f"step_s: expected a positive number, got {step_s}")
        self._step_s = step_s
        self._first = True
        self._latencies_s: deque[float] = deque(maxlen=REMEMBERED)

    def add(self, latency_s: float) -> None:
        """Note the time from observation to chunk of one call; the first is not counted, it warms up."""
        if not self._first:
            self._latencies_s.append(latency_s)
        self._first = False

    def steps(self) -> int:
        """Return the steps that the slowest call in memory took, rounded up; one before any was measured."""
        if not self._latencies_s:
            return UNMEASURED_STEPS
        return max(0, math.ceil(max(self._latencies_s) / self._step_s - 1e-6))
