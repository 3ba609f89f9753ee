# SPDX-License-Identifier: Apache-2.0
"""What following costs at a given jerk for a motion that knows only the chunks that have arrived.

A tracker with preview: when a chunk arrives it replans, from where it is, along all rows that are left. It is the
best of a family, not a bound: trust in later rows and the price of jerk are searched with the whole run in view, but a
mean of chunks behind a filter comes closer where chunks disagree, and lags where they agree.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .chunks import REPLAN_TICKS, Rows

TRUSTS_PER_S = (0.0, 1.0, 2.0, 4.0, 6.0, 8.0)  # rows count less by exp(-trust * s): newer chunks will replace them
PRICE_DECADES = (-14.0, 0.0)  # of squared jerk, in units of squared distance: from a path on the rows to a straight one
HALVINGS = 14


def best_tracker(
    rows: Rows, delay: int, tick_s: float, judge: Callable[[Rows], tuple[float, float]], most_jerk: float
) -> float:
    """Return the least following error, rad, among trackers whose jerk is at most `most_jerk`.

    Args:
        rows: [chunks, rows, joints] rad, as for the baselines.
        delay: ticks between observation and arrival.
        tick_s: time between rows.
        judge: executed positions [ticks, joints] to jerk and following error.
        most_jerk: in the unit of `judge`.
    """
    best_rad = np.inf
    for trust in TRUSTS_PER_S:
        low, high = PRICE_DECADES
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            jerk, following_rad = judge(track(rows, delay, tick_s, trust, 10**middle))
            if jerk <= most_jerk:
                best_rad = min(best_rad, following_rad)
            low, high = (low, middle) if jerk <= most_jerk else (middle, high)
    return float(best_rad)


def track(rows: Rows, delay: int, tick_s: float, trust: float, price: float) -> Rows:
    """Return [ticks, joints]: per chunk the plan of least distance squared and `price` times jerk squared."""
    horizon = rows.shape[1] - delay
    third = np.zeros((horizon, horizon + 3))
    for row in range(horizon):
        third[row, row : row + 4] = np.array([-1.0, 3.0, -3.0, 1.0]) / tick_s**3
    past, planned = third[:, :3], third[:, 3:]
    weights = np.diag(np.exp(-trust * tick_s * np.arange(horizon)))
    system = weights + price * planned.T @ planned
    gain = np.linalg.solve(system, np.hstack([weights, -price * planned.T @ past]))[:REPLAN_TICKS]
    last, executed = np.repeat(rows[0, delay : delay + 1], 3, axis=0), []
    for chunk in rows[:-1]:
        executed.append(gain @ np.concatenate([chunk[delay:], last]))
        last = executed[-1][-3:]
    return np.concatenate(executed)
