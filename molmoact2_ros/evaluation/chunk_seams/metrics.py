# SPDX-License-Identifier: Apache-2.0
"""How visible the seams of a motion are, and what that costs: figures of one executed run.

Differences are taken from tick to tick; a seam lies at the first tick of a new chunk. Means are over joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .chunks import Rows

NEAR_TICKS = 2  # on either side of a seam


@dataclass(frozen=True)
class Executed:
    """What was commanded, tick by tick.

    positions: [ticks, joints] rad.
    targets: [ticks, joints] rad, the newest chunk's rows for the same ticks.
    chunks: [ticks] the index of that chunk; -1: none had a row.
    observed: [ticks] the tick of its observation.
    """

    positions: Rows
    targets: Rows
    chunks: NDArray[np.int64]
    observed: NDArray[np.int64]


@dataclass(frozen=True)
class SeamMetrics:
    """Figures of one run.

    jump_ratio: mean step at seams by the mean step elsewhere; 1: a seam cannot be seen.
    velocity_jump_rad_s: mean change of velocity across a seam.
    seam_jerk_rad_s3: RMS of the third differences centred within two ticks of a seam.
    seam_jerk_ratio: the same, by the RMS jerk inside the raw chunks.
    jerk_rms_rad_s3: over all ticks.
    ldlj: log dimensionless jerk, -ln(T**3 / v_peak**2 * integral of jerk**2); higher is smoother.
    following_rad: RMS distance from the newest chunk.
    starvation: part of the ticks without a row.
    age_p50_s, age_p99_s: of the observation behind a command.
    """

    jump_ratio: float
    velocity_jump_rad_s: float
    seam_jerk_rad_s3: float
    seam_jerk_ratio: float
    jerk_rms_rad_s3: float
    ldlj: float
    following_rad: float
    starvation: float
    age_p50_s: float
    age_p99_s: float


def chunk_jerk(rows: Rows, tick_s: float) -> float:
    """Return the RMS jerk inside chunks [chunks, rows, joints]."""
    return _rms(np.diff(rows, 3, axis=1)) / tick_s**3


def seam_metrics(run: Executed, tick_s: float, raw_jerk: float) -> SeamMetrics:
    """Judge a run.

    Args:
        run: what was executed; at least two seams.
        tick_s: time between ticks.
        raw_jerk: what `chunk_jerk` says of the chunks.
    """
    a, ticks = run.positions, np.arange(len(run.positions))
    seams = np.flatnonzero(np.diff(run.chunks)) + 1
    seams = seams[(seams > NEAR_TICKS) & (seams < len(a) - NEAR_TICKS)]
    steps = np.abs(np.diff(a, axis=0)).mean(axis=1)  # step i leads to tick i + 1
    elsewhere = np.ones(len(steps), dtype=bool)
    elsewhere[seams - 1] = False
    jerk = np.diff(a, 3, axis=0) / tick_s**3  # jerk i is centred on tick i + 1.5
    near = (np.abs(np.arange(len(jerk))[:, None] + 1.5 - seams) <= NEAR_TICKS).any(axis=1)
    seam_jerk = _rms(jerk[near])
    starved = run.chunks < 0
    ages_s = (ticks - run.observed)[~starved] * tick_s
    return SeamMetrics(
        jump_ratio=float(steps[seams - 1].mean() / steps[elsewhere].mean()),
        velocity_jump_rad_s=float(np.abs(a[seams + 1] - 2 * a[seams] + a[seams - 1]).mean() / tick_s),
        seam_jerk_rad_s3=seam_jerk,
        seam_jerk_ratio=seam_jerk / raw_jerk,
        jerk_rms_rad_s3=_rms(jerk),
        ldlj=_log_dimensionless_jerk(a, jerk, tick_s),
        following_rad=_rms((a - run.targets)[~starved]),
        starvation=float(starved.mean()),
        age_p50_s=float(np.percentile(ages_s, 50)),
        age_p99_s=float(np.percentile(ages_s, 99)),
    )


def _log_dimensionless_jerk(positions: Rows, jerk: Rows, tick_s: float) -> float:
    """Hogan and Sternad 2009, per joint, then the mean."""
    duration_s = (len(positions) - 1) * tick_s
    peak = np.abs(np.diff(positions, axis=0)).max(axis=0) / tick_s
    with np.errstate(divide="ignore"):  # a motion without jerk is infinitely smooth
        return float(-np.log(duration_s**3 / peak**2 * (jerk**2).sum(axis=0) * tick_s).mean())


def _rms(values: Rows) -> float:
    return float(np.sqrt(np.mean(values**2)))
