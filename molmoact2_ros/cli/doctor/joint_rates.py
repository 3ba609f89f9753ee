# SPDX-License-Identifier: Apache-2.0
"""Whether a driver's velocities are those of its positions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .check import Check, failed, ok
from .group_readings import GroupReadings

Vector = NDArray[np.float64]

MOVED = 0.03  # rad or strokes while listening: less says nothing about the unit of velocity
STANDING = 0.1  # rad/s or strokes/s: more than the noise of any joint that stands
_WINDOW_S = 0.1  # velocity is integrated over so long: over less, encoder ticks dominate
_AGREES = (0.7, 1.4)
_UNITS = {"degrees a second": np.rad2deg(1.0), "turns a minute": 30.0 / np.pi, "the opposite sign": -1.0}


def check_velocities(name: str, readings: GroupReadings) -> Check:
    """Judge one group's velocities: against motion if there was any, else against rest."""
    expected = "the derivative of the positions"
    if not np.isfinite(readings.rates).all():
        return ok(name, "none (or not finite): the bridge takes differences of the positions", expected)
    ways = np.ptp(readings.positions, axis=0)
    for column in np.flatnonzero(ways > MOVED):
        ratio = _ratio(readings.times_s, readings.positions[:, column], readings.rates[:, column])
        if ratio is not None and not _AGREES[0] <= ratio <= _AGREES[1]:
            found = f"{readings.driver_names[column]} reports {ratio:.2g} times the speed at which it moves"
            return failed(name, found, expected, _remedy(ratio))
    if (ways > MOVED).any():
        return ok(name, "agree with the motion of the positions", expected)
    return _check_rest(name, readings, expected)


def _check_rest(name: str, readings: GroupReadings, expected: str) -> Check:
    speeds = np.abs(np.median(readings.rates, axis=0))
    worst = int(np.argmax(speeds))
    if speeds[worst] > STANDING:
        found = f"{readings.driver_names[worst]} reports {speeds[worst]:.2f} a second while it stands"
        return failed(name, found, expected, "correct the driver's velocities")
    found = f"at rest, at most {np.abs(readings.rates).max():.3f} a second (the unit shows in motion only)"
    return ok(name, found, expected)


def _ratio(times_s: Vector, positions: Vector, rates: Vector) -> float | None:
    """Return reported over real motion, by least squares over windows; None where it cannot be told."""
    steps_s = np.diff(times_s)
    if not steps_s.size or np.median(steps_s) <= 0:
        return None
    window = max(1, round(_WINDOW_S / float(np.median(steps_s))))
    way = np.append(0.0, np.cumsum(0.5 * (rates[1:] + rates[:-1]) * steps_s))
    if way.size <= window:
        return None
    moved, told = positions[window:] - positions[:-window], way[window:] - way[:-window]
    return float(moved @ told / (moved @ moved)) if (moved @ moved) > 0 else None


def _remedy(ratio: float) -> str:
    for title, factor in _UNITS.items():
        if _AGREES[0] <= ratio / factor <= _AGREES[1]:
            return f"this looks like {title}: correct the driver"
    if abs(ratio) < 0.1:
        return "the driver sends no true velocities: let it send none, and the bridge takes differences"
    return "correct the driver's velocities"
