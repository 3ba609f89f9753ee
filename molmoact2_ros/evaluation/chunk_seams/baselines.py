# SPDX-License-Identifier: Apache-2.0
"""How others join chunks, tick by tick, written from their descriptions; and what smoothness costs at least.

Chunk k is observed at tick k * REPLAN_TICKS and arrives `delay` ticks later. All take [chunks, rows, joints] and return
[ticks, joints] from the arrival of the first chunk to that of the last.
"""

from __future__ import annotations

import numpy as np

from .chunks import REPLAN_TICKS, Rows
from .metrics import Executed

NEW_SHARE = 0.7  # LeRobot's asynchronous client: 0.3 of the old action, 0.7 of the new
ACT_DECAY = 0.01


def raw(rows: Rows, delay: int, replan: int = REPLAN_TICKS) -> Rows:
    """No blending: the newest chunk's row."""
    return rows[:-1, delay : delay + replan].reshape(-1, rows.shape[2])


def lerobot(rows: Rows, delay: int) -> Rows:
    """Mix the rows that a new chunk shares with the queue into it, once, when it arrives."""
    queue, executed = rows[0], []  # row i of the queue is for the newest chunk's row i
    for index in range(len(rows) - 1):
        if index:
            mixed = rows[index].copy()
            shared = slice(delay, len(mixed) - REPLAN_TICKS)
            mixed[shared] = NEW_SHARE * mixed[shared] + (1 - NEW_SHARE) * queue[REPLAN_TICKS:][shared]
            queue = mixed
        executed.append(queue[delay : delay + REPLAN_TICKS])
    return np.concatenate(executed)


def act(rows: Rows, delay: int) -> Rows:
    """Temporal ensembling: at every tick the weighted mean of all chunks with a row for it, the oldest weighs most."""
    executed = []
    for tick in range(delay, (len(rows) - 1) * REPLAN_TICKS + delay):
        newest = (tick - delay) // REPLAN_TICKS
        reaching = [k for k in range(newest + 1) if tick - k * REPLAN_TICKS < rows.shape[1]]
        weights = np.exp(-ACT_DECAY * np.arange(len(reaching)))
        values = np.stack([rows[k, tick - k * REPLAN_TICKS] for k in reaching])
        executed.append(weights @ values / weights.sum())
    return np.stack(executed)


BASELINES = {"none": raw, "lerobot": lerobot, "act": act}


def baseline_run(name: str, rows: Rows, delay: int) -> Executed:
    """Run one of BASELINES."""
    return executed(BASELINES[name](rows, delay), rows, delay)


def executed(positions: Rows, rows: Rows, delay: int, replan: int = REPLAN_TICKS) -> Executed:
    """Return positions [ticks, joints] with the newest chunk's rows next to them."""
    chunks = np.arange(len(positions)) // replan
    return Executed(positions, raw(rows, delay, replan), chunks, chunks * replan - delay)


def smoothed(positions: Rows, cutoff: float) -> Rows:
    """Pass [ticks, joints] through three equal low-pass filters; `cutoff` from 0 (stands still) to 1 (as it came)."""
    state = np.repeat(positions[:1], 3, axis=0)
    out = np.empty_like(positions)
    for tick, value in enumerate(positions):
        for stage in range(3):
            state[stage] += cutoff * ((value if stage == 0 else state[stage - 1]) - state[stage])
        out[tick] = state[2]
    return out


class Closest:
    """The paths of least distance from what they follow at a given jerk, knowing all of it beforehand.

    No controller knows what the next chunk will say: their distance bounds that of every motion as smooth.
    """

    def __init__(self, ticks: int, tick_s: float) -> None:
        """Prepare for paths of so many ticks."""
        third = np.diff(np.eye(ticks), 3, axis=0) / tick_s**3
        self._stiffness, self._shapes = np.linalg.eigh(third.T @ third)
        self._stiffness = np.maximum(self._stiffness, 0.0)

    def path(self, targets: Rows, jerk: float) -> Rows:
        """Return the path [ticks, joints] along targets [ticks, joints] whose RMS jerk is `jerk`, rad/s^3."""
        parts = self._shapes.T @ targets
        size, power = parts.size * (1 - 3 / len(parts)), (parts**2).sum(axis=1)
        low, high = 1e-20, 1e10
        for _ in range(100):
            middle = np.sqrt(low * high)
            rms = np.sqrt((self._stiffness * power / (1 + middle * self._stiffness) ** 2).sum() / size)
            low, high = (middle, high) if rms > jerk else (low, middle)
        path: Rows = self._shapes @ (parts / (1 + high * self._stiffness)[:, None])
        return path
