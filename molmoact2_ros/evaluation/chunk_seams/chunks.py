# SPDX-License-Identifier: Apache-2.0
"""Chunks that disagree as those of a multi-modal policy do: the fixed input of the seam benchmark."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]

RATE_HZ = 30.0
HORIZON = 30
JOINTS = 6
REPLAN_TICKS = 8
SLOW_RAD, SLOW_HZ = 0.4, 0.25
FAST_RAD, FAST_HZ = 0.1, 1.0
OFFSET_RAD = 0.03  # sigma, per chunk and joint
OTHER_MODE_EVERY = 5
BLEND_S = 0.5


def make_chunks(count: int, seed: int, *, agreeing: bool = False) -> Rows:
    """Return [count, HORIZON, JOINTS] rad; row i of chunk k is for tick k * REPLAN_TICKS + i.

    Each joint follows two sinusoids with phases of its own. A chunk sees them from its observation on, moved by an
    offset drawn for it. Every fifth chunk turns to the other mode, the same motion half a period later, along a
    minimum-jerk blend: it leaves no step in position, velocity or acceleration inside a chunk. `agreeing` leaves out
    offsets and other mode: every chunk then describes the same motion.

    Raises:
        ValueError: fewer than 2 chunks, or a negative seed.
    """
    if count < 2 or seed < 0:
        raise ValueError(f"expected at least 2 chunks and a seed of 0 or more, got {count} and {seed}")
    generator = np.random.default_rng(seed)
    slow_rad, fast_rad = generator.uniform(0.0, 2 * np.pi, (2, JOINTS))
    offsets = generator.normal(0.0, OFFSET_RAD, (count, 1, JOINTS))
    times_s = (np.arange(count)[:, None, None] * REPLAN_TICKS + np.arange(HORIZON)[:, None]) / RATE_HZ
    motion = SLOW_RAD * np.sin(2 * np.pi * SLOW_HZ * times_s + slow_rad)
    motion += FAST_RAD * np.sin(2 * np.pi * FAST_HZ * times_s + fast_rad)  # [count, HORIZON, JOINTS]
    if agreeing:
        return motion
    part = np.minimum(np.arange(HORIZON)[:, None] / RATE_HZ / BLEND_S, 1.0)
    other = part**3 * (10 - 15 * part + 6 * part**2)
    is_other = (np.arange(count) % OTHER_MODE_EVERY == OTHER_MODE_EVERY - 1)[:, None, None]
    return motion * (1 - 2 * other * is_other) + offsets
