# SPDX-License-Identifier: Apache-2.0
"""Whether stamps advance, and tell the time of this machine."""

from __future__ import annotations

import numpy as np

from .arrivals import NS_PER_S, Arrivals
from .check import Check, failed, ok, warning

AHEAD_S = 0.05  # the bridge's allowance
_SIMULATED_S = 1e9  # 2001: a stamp below counts from the start of something
_STEADY_SHARE = 0.5  # ages that vary by less than this part of themselves are an offset, not delays
_SAME_SOURCE = "set the clocks of both machines by the same source (chrony or PTP)"


def check_clock(name: str, arrivals: Arrivals, budget_s: float) -> Check:
    """Judge the stamps of one input.

    Args:
        name: of the check.
        arrivals: at least one.
        budget_s: oldest stamp that perception takes.
    """
    expected = f"stamps that advance, at most {budget_s:g} s before arrival"
    stamps = arrivals.stamps_ns
    if not stamps.all():
        return failed(name, "stamp 0", expected, "let the driver stamp its messages: ages cannot be told without")
    if stamps[-1] < _SIMULATED_S * NS_PER_S:
        return failed(
            name,
            f"stamp {stamps[-1] / NS_PER_S:.1f} s, a simulated clock",
            expected,
            "switch use_sim_time off in the driver",
        )
    repeated = stamps.size - np.unique(stamps).size
    if repeated > stamps.size // 2:
        return failed(
            name,
            f"{repeated} of {stamps.size} messages repeat a stamp",
            expected,
            "restart the driver: it sends old values again",
        )
    return _check_ages(name, arrivals, budget_s, expected)


def _check_ages(name: str, arrivals: Arrivals, budget_s: float, expected: str) -> Check:
    ages_s = arrivals.ages_s
    median_s = float(np.median(ages_s))
    if median_s < -AHEAD_S:
        return failed(name, f"the driver's clock is {-median_s:.2f} s ahead of this machine's", expected, _SAME_SOURCE)
    if ages_s.min() > budget_s:
        if np.ptp(ages_s) < _STEADY_SHARE * median_s:
            found = f"the driver's clock is {median_s:.2f} s behind this machine's, or it delays every message by that"
            return failed(name, found, expected, f"{_SAME_SOURCE}; if they agree, shorten the driver's queue")
        found = f"stamps lie {ages_s.min():.2f} to {ages_s.max():.2f} s before arrival"
        return failed(name, found, expected, "shorten the driver's queue (one buffer), or look at its load")
    found = f"stamps {1e3 * median_s:.0f} ms before arrival, at most {1e3 * ages_s.max():.0f} ms"
    if float(np.quantile(ages_s, 0.9)) > budget_s:
        return warning(name, found, expected, "look at the load of the driver's machine, and at the network")
    return ok(name, found, expected)
