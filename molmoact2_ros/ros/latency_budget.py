# SPDX-License-Identifier: Apache-2.0
"""How long one stage of the graph takes against its budget, as an entry of /diagnostics.

A single outlier is no news on a computer that does other things as well: a stage is judged by the share of its newest
figures that are over the budget. doc/integration.md lists the budgets and where they come from.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from .lifecycle import ERROR, OK, WARN, Report

NOW_AND_THEN, MOSTLY = 0.1, 0.5  # shares over the budget that are a warning, and an error
_ENOUGH = 10  # figures: of fewer a share says nothing
KEPT = 150  # ten seconds at 15 Hz


class LatencyBudget:
    """The newest durations of a stage, milliseconds."""

    def __init__(self, name: str, budget_ms: float, kept: int = KEPT) -> None:
        """Begin without any.

        Args:
            name: component in /diagnostics.
            budget_ms: what the graph was laid out for.
            kept: how many of the newest durations are judged.
        """
        self._name = name
        self._budget_ms = budget_ms
        self._durations_ms: deque[float] = deque(maxlen=kept)

    def add(self, duration_ms: float) -> None:
        """Take one."""
        self._durations_ms.append(duration_ms)

    def add_s(self, duration_s: float) -> None:
        """Take one in seconds."""
        self._durations_ms.append(1e3 * duration_s)

    def report(self) -> Report:
        """Return the entry: OK, WARN when one in ten is over the budget, ERROR when one in two is."""
        durations_ms = np.array(self._durations_ms)
        values: dict[str, object] = {"budget_ms": round(self._budget_ms, 3), "samples": durations_ms.size}
        if not durations_ms.size:
            return self._name, OK, "nothing to measure yet", values
        over = float(np.mean(durations_ms > self._budget_ms))
        p50_ms, p99_ms = np.percentile(durations_ms, [50, 99]).round(3)
        values |= {"p50_ms": p50_ms, "p99_ms": p99_ms, "over_budget_percent": round(100 * over, 1)}
        if durations_ms.size < _ENOUGH or over < NOW_AND_THEN:
            return self._name, OK, f"{p50_ms:g} ms, budget {self._budget_ms:g} ms", values
        text = f"{100 * over:.0f} % are over the budget of {self._budget_ms:g} ms: {p50_ms:g} ms at the median"
        return self._name, ERROR if over >= MOSTLY else WARN, text, values
