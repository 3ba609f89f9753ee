# SPDX-License-Identifier: Apache-2.0
"""Whether stamps advance, and tell the time of this machine."""

from __future__ import annotations

import numpy as np

from molmoact2_ros.embodiment.stamps import AHEAD_NS, SAME_SOURCE, foreign_clock

from .arrivals import NS_PER_S, Arrivals
from .check import Check, failed, ok, warning

AHEAD_S = AHEAD_NS / NS_PER_S
_STEADY_SHARE = 0.5  # ages that vary by less than this part of themselves are an offset, not delays


def check_clock(name: str, arrivals: Arrivals, budget_s: float) -> Check:
    """Judge the stamps of one input.

    Args:
        name: of the check.
        arrivals: at least one.
        budget_s: oldest stamp that perception takes.
    """
    expected = f"stamps that advance, at most {budget_s:g} s before arrival"
    stamps = arrivals.stamps_ns
    foreign = [foreign_clock(int(stamp), int(now)) for stamp, now in zip(stamps, arrivals.arrived_ns, strict=True)]
    if sum(map(bool, foreign)) > stamps.size // 2:
        found, _, remedy = next(filter(None, reversed(foreign))).partition(": ")
        return failed(name, found, expected, remedy)
    repeated = stamps.size - np.unique(stamps).size
    if repeated > stamps.size // 2:
        return failed(
            name,
            f"{repeated} of {stamps.size} messages repeat a stamp",
            expected,
            "restart the driver: it sends old values again",
        )
    return _check_ages(name, arrivals, budget_s, expected, foreign)


def _check_ages(name: str, arrivals: Arrivals, budget_s: float, expected: str, foreign: list[str]) -> Check:
    ages_s = arrivals.ages_s
    median_s = float(np.median(ages_s))
    if median_s < -AHEAD_S:
        return failed(name, f"the driver's clock is {-median_s:.2f} s ahead of this machine's", expected, SAME_SOURCE)
    if ages_s.min() > budget_s:
        if np.ptp(ages_s) < _STEADY_SHARE * median_s:
            found = f"the driver's clock is {median_s:.2f} s behind this machine's, or it delays every message by that"
            return failed(name, found, expected, f"{SAME_SOURCE}; if they agree, shorten the driver's queue")
        found = f"stamps lie {ages_s.min():.2f} to {ages_s.max():.2f} s before arrival"
        return failed(name, found, expected, "shorten the driver's queue (one buffer), or look at its load")
    found = f"stamps {1e3 * median_s:.0f} ms before arrival, at most {1e3 * ages_s.max():.0f} ms"
    strays = int((ages_s < -AHEAD_S).sum()) + sum(map(bool, foreign))
    if strays:
        text = f"{found}; {strays} of {ages_s.size} stamps lie in the future or are of another clock, and are ignored"
        return warning(name, text, expected, "look whether the driver reads two clocks, or one that is being set")
    if float(np.quantile(ages_s, 0.9)) > budget_s:
        return warning(name, found, expected, "look at the load of the driver's machine, and at the network")
    return ok(name, found, expected)
