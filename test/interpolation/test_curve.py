# SPDX-License-Identifier: Apache-2.0
"""The curve goes through the rows at their times, is twice continuously differentiable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from molmoact2_ros.interfaces.action_chunk import ActionChunk
from molmoact2_ros.interpolation.curve import LONGEST_S, Curve

STAMP_NS = 1_700_000_000_000_000_000
STEP_S = 1 / 15
NAMES = ("shoulder", "elbow", "gripper")


def _rows(count: int = 15, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3))


def _times(seconds: Any) -> np.ndarray:
    return STAMP_NS + np.round(np.asarray(seconds) * 1e9).astype(np.int64)


def _chunk(rows: np.ndarray | None = None, **changes: Any) -> ActionChunk:
    return replace(ActionChunk(STAMP_NS, 7, STEP_S, NAMES, _rows() if rows is None else rows), **changes)


@pytest.mark.parametrize("count", [2, 3, 4, 15, 30])
def test_curve_passes_through_every_row_at_its_time(count: int) -> None:
    curve = Curve(STAMP_NS, STEP_S, _rows(count))
    motion = curve.at(_times(np.arange(count) * STEP_S))
    np.testing.assert_allclose(motion.positions, _rows(count), atol=1e-6)  # times are whole nanoseconds
    assert curve.end_ns == pytest.approx(STAMP_NS + (count - 1) * STEP_S * 1e9, abs=1)


@pytest.mark.parametrize("count", [2, 3, 15])
def test_velocity_and_acceleration_are_the_derivatives_of_position(count: int) -> None:
    curve, h = Curve(STAMP_NS, STEP_S, _rows(count)), 1e-5
    times_s = np.linspace(0.001, (count - 1) * STEP_S - 0.001, 40)
    motion, before, after = (curve.at(_times(times_s + shift)) for shift in (0, -h, h))
    np.testing.assert_allclose((after.positions - before.positions) / (2 * h), motion.velocities, rtol=1e-3, atol=2e-2)
    slope = (after.velocities - before.velocities) / (2 * h)
    np.testing.assert_allclose(slope, motion.accelerations, rtol=1e-2, atol=2.0)  # of some 1000


def test_curve_is_twice_continuous_across_rows() -> None:
    rows_s = np.arange(1, 14) * STEP_S
    left, right = (Curve(STAMP_NS, STEP_S, _rows()).at(_times(rows_s + shift)) for shift in (-2e-9, 2e-9))
    for name in ("positions", "velocities", "accelerations"):
        np.testing.assert_allclose(getattr(left, name), getattr(right, name), rtol=1e-4, atol=1e-3)


def test_curve_reproduces_a_motion_of_constant_acceleration_exactly() -> None:
    times_s = np.arange(15) * STEP_S
    curve = Curve(STAMP_NS, STEP_S, (0.5 * 3.0 * times_s**2 - times_s)[:, None])
    between_s = np.linspace(0, 0.9, 50)
    motion = curve.at(_times(between_s))
    np.testing.assert_allclose(motion.positions[:, 0], 1.5 * between_s**2 - between_s, atol=1e-8)
    np.testing.assert_allclose(motion.accelerations, 3.0, atol=1e-8)


def test_chunk_in_another_joint_order_is_laid_by_name() -> None:
    curve = Curve.through(_chunk(_rows()[:, [2, 0, 1]], names=("gripper", "shoulder", "elbow")), NAMES, 0)
    np.testing.assert_array_equal(curve.at(_times([0.0])).positions[0], _rows()[0])


def test_executed_steps_cap_the_timeline_at_the_last_allowed_row() -> None:
    curve = Curve.through(_chunk(), NAMES, 8)
    assert curve.end_ns == pytest.approx(STAMP_NS + 7 * STEP_S * 1e9, abs=1)
    assert curve.sequence == 7


def test_absurd_step_does_not_stretch_the_timeline_for_ever() -> None:
    curve = Curve.through(_chunk(step_s=1e12), NAMES, 0)
    assert curve.end_ns == STAMP_NS + int(LONGEST_S * 1e9)
