# SPDX-License-Identifier: Apache-2.0
"""Whether messages come as often and as evenly as the graph needs them."""

from __future__ import annotations

from .arrivals import Arrivals
from .check import Check, failed, ok, warning

_SLACK = 0.9  # a rate this close to the wanted one is that rate, measured over some seconds
_MISSING_SHARE = 0.1  # a driver on a busy machine skips as many by itself


def check_rate(name: str, arrivals: Arrivals, *, wanted_hz: float, budget_s: float, source: str) -> Check:
    """Judge the rhythm of one input.

    Args:
        name: of the check.
        arrivals: at least one.
        wanted_hz: the rate at which the graph makes use of it.
        budget_s: perception's budget for its age: one that comes less often than this is never fresh.
        source: what to look at, e.g. `the camera's driver`.
    """
    found = _rhythm(arrivals)
    expected = f"{wanted_hz:g} Hz, gaps below {budget_s:g} s"
    if arrivals.rate_hz < 1.0 / budget_s:
        return failed(name, found, expected, f"raise the rate of {source}: perception waits for ever for a fresh one")
    if arrivals.missing > _MISSING_SHARE * (arrivals.count + arrivals.missing):
        return warning(
            name,
            found,
            expected,
            f"load the Fast DDS profile for {source} too, or look at its network or USB bus: messages get lost",
        )
    if arrivals.rate_hz < _SLACK * wanted_hz:
        return warning(name, found, expected, f"raise the rate of {source}: the graph uses {wanted_hz:g} a second")
    if arrivals.largest_gap_s > budget_s:
        return warning(name, found, expected, f"look why {source} pauses: a gap this long stops the robot")
    return ok(name, found, expected)


def _rhythm(arrivals: Arrivals) -> str:
    missing = f"{arrivals.missing} missing by their stamps" if arrivals.missing else "none missing"
    if arrivals.count < 2:
        return "one message only"
    return f"{arrivals.rate_hz:.1f} Hz, largest gap {arrivals.largest_gap_s:.3f} s, {missing}"
