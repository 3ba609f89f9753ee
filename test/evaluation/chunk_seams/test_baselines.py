# SPDX-License-Identifier: Apache-2.0
"""The baselines do tick by tick what their authors describe, and the bound on them all is one."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.evaluation.chunk_seams.baselines import BASELINES, Closest, act, baseline_run, lerobot, raw, smoothed
from molmoact2_ros.evaluation.chunk_seams.chunks import REPLAN_TICKS, make_chunks
from molmoact2_ros.evaluation.chunk_seams.modes import guided

DELAY = 3


def _levels(*levels: float) -> np.ndarray:
    """Return chunks that stand still, each at its level."""
    return np.array(levels)[:, None, None] * np.ones((1, 30, 1))


@pytest.mark.parametrize("name", BASELINES)
def test_chunks_that_agree_are_executed_as_they_are(name: str) -> None:
    rows = make_chunks(12, 0, agreeing=True)
    run = baseline_run(name, rows, DELAY)
    np.testing.assert_allclose(run.positions, run.targets, atol=1e-12)


def test_lerobot_mixes_what_the_queue_holds_with_what_arrives() -> None:
    executed = lerobot(_levels(0.0, 1.0, 1.0, 9.0), DELAY)[:, 0]
    np.testing.assert_allclose(executed[:8], 0.0)
    np.testing.assert_allclose(executed[8:16], 0.7)
    np.testing.assert_allclose(executed[16:24], 0.3 * 0.7 + 0.7)


def test_act_averages_all_chunks_that_reach_the_tick_with_the_oldest_weighing_most() -> None:
    executed = act(_levels(0.0, 1.0, 2.0, 9.0), DELAY)[:, 0]
    np.testing.assert_allclose(executed[:8], 0.0)
    weights = np.exp(-0.01 * np.arange(3))
    np.testing.assert_allclose(executed[8], weights[1] / weights[:2].sum())
    np.testing.assert_allclose(executed[16], (weights[1] + 2 * weights[2]) / weights.sum())


def test_raw_rows_jump() -> None:
    np.testing.assert_array_equal(raw(_levels(0.0, 1.0, 2.0), DELAY)[:, 0], [0.0] * 8 + [1.0] * 8)


@pytest.mark.parametrize(("cutoff", "expected"), [(1.0, [0.0, 1.0, 1.0]), (0.5, [0.0, 0.125, 0.3125])])
def test_smoothing_passes_three_filters_of_the_first_order(cutoff: float, expected: list[float]) -> None:
    np.testing.assert_allclose(smoothed(np.array([[0.0], [1.0], [1.0]]), cutoff)[:, 0], expected)


def test_no_smoothed_baseline_is_closer_than_the_closest_path_of_its_jerk() -> None:
    rows, tick_s = make_chunks(30, 0), 1 / 30
    targets = baseline_run("none", rows, DELAY).targets
    closest = Closest(len(targets), tick_s)
    for name in BASELINES:
        for cutoff in (0.2, 0.5):
            path = smoothed(BASELINES[name](rows, DELAY), cutoff)
            jerk = float(np.sqrt(np.mean(np.diff(path, 3, axis=0) ** 2)) / tick_s**3)
            best = closest.path(targets, jerk)
            assert np.sqrt(np.mean(np.diff(best, 3, axis=0) ** 2)) / tick_s**3 == pytest.approx(jerk, rel=1e-3)
            assert np.mean((best - targets) ** 2) < np.mean((path - targets) ** 2)


def test_guidance_makes_a_chunk_continue_the_one_before_in_the_rows_of_the_delay() -> None:
    rows = make_chunks(12, 0)
    sent = guided(rows, delay=5)
    off, plain_off = (
        np.abs(chunks[1:, :5] - chunks[:-1, REPLAN_TICKS : REPLAN_TICKS + 5]).max() for chunks in (sent, rows)
    )
    assert off < 0.1 * plain_off  # the last of ten steps leaves 9 %
    np.testing.assert_allclose(sent[:, 22:], rows[:, 22:], atol=1e-9)  # where the chunk before has no rows
