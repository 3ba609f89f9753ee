# SPDX-License-Identifier: Apache-2.0
"""Tell when something periodic is due."""

from __future__ import annotations

NS_PER_S = 1_000_000_000


class Schedule:
    """A period that may change while it runs; moments that were missed are skipped, not made up for."""

    def __init__(self, phase_s: float = 0.0) -> None:
        """Begin `phase_s` after the first question."""
        self._phase_ns = round(phase_s * NS_PER_S)
        self._next_ns: int | None = None

    def due(self, now_ns: int, rate_hz: float) -> bool:
        """Tell whether a moment has come since the last one."""
        period_ns = round(NS_PER_S / rate_hz)
        if self._next_ns is None:
            self._next_ns = now_ns + self._phase_ns
        if now_ns < self._next_ns:
            return False
        self._next_ns = max(self._next_ns + period_ns, now_ns + period_ns // 2)
        return True

    def shift(self, ns: int) -> None:
        """Follow a clock that was set forward or back."""
        if self._next_ns is not None:
            self._next_ns += ns
