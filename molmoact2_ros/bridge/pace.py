# SPDX-License-Identifier: Apache-2.0
"""Bound the rate of something that comes when it likes."""

from __future__ import annotations


class Pace:
    """Allow at most `rate_hz` in the mean; single intervals may be half a period short: jitter costs nothing then."""

    def __init__(self, rate_hz: float) -> None:
        self._period_ns = int(1e9 / rate_hz)
        self._tolerance_ns = self._period_ns // 4
        self._due_ns = 0

    def allows(self, steady_ns: int) -> bool:
        """Tell whether it is time again, and if so count it."""
        if steady_ns < self._due_ns - self._tolerance_ns:
            return False
        if steady_ns > self._due_ns + self._tolerance_ns:
            self._due_ns = steady_ns  # late: begin anew, never catch up
        self._due_ns += self._period_ns
        return True
