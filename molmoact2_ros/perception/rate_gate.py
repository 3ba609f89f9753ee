# SPDX-License-Identifier: Apache-2.0
"""Thin a stream of stamps to a mean rate."""

from __future__ import annotations

# A camera at exactly the rate jitters by milliseconds; without tolerance each early frame would cost a whole period.
_EARLY = 0.15


class RateGate:
    """Let stamps pass on a schedule of `rate_hz`: never more than that in the mean, single intervals may be shorter."""

    def __init__(self, rate_hz: float) -> None:
        self._period_ns = int(1e9 / rate_hz)
        self._due_ns = 0

    def passes(self, stamp_ns: int) -> bool:
        """Tell whether a stamp is due, and if so move on to the next due time."""
        early_ns = self._due_ns - stamp_ns
        if not -self._period_ns < early_ns <= 2 * self._period_ns:
            self._due_ns = stamp_ns  # the first stamp, one after a gap, or time that ran backwards
        elif early_ns > _EARLY * self._period_ns:
            return False
        self._due_ns += self._period_ns
        return True
