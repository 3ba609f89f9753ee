# SPDX-License-Identifier: Apache-2.0
"""Pins the seam metrics on signals short enough to compute by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from molmoact2_ros.evaluation.chunk_seams.metrics import Executed, SeamMetrics, chunk_jerk, seam_metrics

TICK_S = 0.5


def _metrics(positions: list[float], targets: list[float] | None = None, starved: tuple[int, ...] = ()) -> SeamMetrics:
    """Judge 16 ticks, a new chunk observed at ticks 0 and 8 and followed at once."""
    values = np.array(positions, dtype=float)[:, None]
    chunks = np.arange(len(values)) // 8
    chunks[list(starved)] = -1
    rows = values if targets is None else np.array(targets, dtype=float)[:, None]
    return seam_metrics(Executed(values, rows, chunks, chunks * 8), TICK_S, raw_jerk=10.0)


STEP = [float(tick) + (2.0 if tick >= 8 else 0.0) for tick in range(16)]  # one per tick, and 2 more at the seam


def test_jump_ratio_compares_the_step_at_the_seam_with_those_elsewhere() -> None:
    assert _metrics(STEP).jump_ratio == pytest.approx(3.0)
    assert _metrics([float(tick) for tick in range(16)]).jump_ratio == pytest.approx(1.0)


def test_velocity_jump_is_the_second_difference_by_the_tick() -> None:
    # 7, 10, 11: the step falls from 3 to 1
    assert _metrics(STEP).velocity_jump_rad_s == pytest.approx(2.0 / TICK_S)


def test_jerk_at_the_seam_takes_the_third_differences_centred_within_two_ticks() -> None:
    # Third differences around the step: 2, -4, 2, and 0 before and after; four are centred within two ticks of tick 8.
    scale = 1 / TICK_S**3
    found = _metrics(STEP)
    assert found.seam_jerk_rad_s3 == pytest.approx(scale * math.sqrt((4 + 16 + 4 + 0) / 4))
    assert found.seam_jerk_ratio == pytest.approx(found.seam_jerk_rad_s3 / 10.0)
    assert found.jerk_rms_rad_s3 == pytest.approx(scale * math.sqrt(24 / 13))


def test_log_dimensionless_jerk_is_that_of_hogan_and_sternad() -> None:
    duration_s, peak = 15 * TICK_S, 3.0 / TICK_S
    integral = 24 / TICK_S**6 * TICK_S
    assert _metrics(STEP).ldlj == pytest.approx(-math.log(duration_s**3 / peak**2 * integral))


def test_following_error_is_the_rms_distance_from_the_newest_chunk() -> None:
    assert _metrics(STEP).following_rad == 0.0
    targets = STEP.copy()
    targets[3] += 4.0
    assert _metrics(STEP, targets).following_rad == 1.0


def test_age_runs_from_the_observation() -> None:
    found = _metrics(STEP)
    assert found.age_p50_s == pytest.approx(3.5 * TICK_S)
    assert found.age_p99_s == pytest.approx(7 * TICK_S, abs=0.1)


def test_ticks_without_a_row_are_counted_and_judged_in_nothing_else() -> None:
    found = _metrics(STEP, [value + (9.0 if index in (14, 15) else 0.0) for index, value in enumerate(STEP)], (14, 15))
    assert found.starvation == pytest.approx(2 / 16)
    assert found.following_rad == 0.0


def test_chunk_jerk_is_that_of_a_cubic() -> None:
    ticks = np.arange(10)[None, :, None] * TICK_S
    assert chunk_jerk(5.0 * ticks**3, TICK_S) == pytest.approx(30.0)
