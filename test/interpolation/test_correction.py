# SPDX-License-Identifier: Apache-2.0
"""At a correction nothing steps; chunks that agree change nothing; corrections in quick succession die out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from molmoact2_ros.interfaces.action_chunk import ActionChunk
from molmoact2_ros.interpolation.correction import SMOOTHING, Correction
from molmoact2_ros.interpolation.curve import Curve
from molmoact2_ros.interpolation.motion import Motion
from molmoact2_ros.interpolation.seam import Seam

STAMP_NS = 1_700_000_000_000_000_000
STEP_NS = 66_666_667
STEP_S = STEP_NS * 1e-9
BLEND_S = 0.6
PARTS = ("positions", "velocities", "accelerations")


def _curve(seed: int, index: int = 0, rows: int = 15) -> Curve:
    """Return chunk `index`, observed two rows after the one before: random but smooth, unlike all others."""
    draws = np.random.default_rng((seed, index)).normal(scale=0.1, size=(4, 3))
    times_s = np.arange(rows)[:, None] * STEP_S
    path = draws[0] + draws[1] * times_s + draws[2] * np.sin(5 * times_s) + draws[3] * np.cos(3 * times_s)
    return Curve(STAMP_NS + index * 2 * STEP_NS, STEP_S, path, index)


def _state(seed: int) -> Motion:
    return Motion(*np.random.default_rng(1000 + seed).normal(size=(3, 3)))


def _chain(seed: int, links: int = 8) -> list[Seam]:
    """Return corrections, each of which leaves the one before at a time on no grid."""
    chain: list[Seam] = []
    for index in range(links):
        start_ns = STAMP_NS + index * 2 * STEP_NS + 100_000_003
        before = chain[-1] if chain else None
        state = before.at(np.array([start_ns]))[0] if before else _state(seed)
        chain.append(Correction(_curve(seed, index), start_ns, state, BLEND_S, before))
    return chain


@pytest.mark.parametrize("seed", range(20))
def test_position_velocity_and_acceleration_are_continuous_at_every_seam(seed: int) -> None:
    for before, after in itertools.pairwise(_chain(seed)):
        seam_ns = np.array([after.joined_ns])
        for part in PARTS:
            np.testing.assert_allclose(getattr(after.at(seam_ns), part), getattr(before.at(seam_ns), part), atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_position_velocity_and_acceleration_are_continuous_between_seams(seed: int) -> None:
    for correction in _chain(seed):
        times_ns = np.arange(correction.joined_ns, correction.end_ns - 2_000_000, 1_000_000)
        now, later = correction.at(times_ns), correction.at(times_ns + 1_000)
        jerk = np.abs(np.diff(now.accelerations, axis=0)).max() / 1e-3
        assert np.abs(later.positions - now.positions).max() <= 1.1e-6 * np.abs(now.velocities).max() + 1e-9
        assert np.abs(later.velocities - now.velocities).max() <= 1.1e-6 * np.abs(now.accelerations).max() + 1e-9
        assert np.abs(later.accelerations - now.accelerations).max() <= 1.1e-6 * jerk + 1e-9


def test_velocity_and_acceleration_are_the_derivatives_of_position() -> None:
    correction, h_ns = _chain(3)[-1], 10_000
    middle_ns = np.arange(correction.joined_ns + h_ns, correction.end_ns - h_ns, 7_000_000)
    before, middle, after = (correction.at(middle_ns + shift) for shift in (-h_ns, 0, h_ns))
    np.testing.assert_allclose((after.positions - before.positions) / 2e-5, middle.velocities, rtol=1e-5, atol=1e-4)
    slope = (after.velocities - before.velocities) / 2e-5
    np.testing.assert_allclose(slope, middle.accelerations, rtol=1e-3, atol=2e-2)


@pytest.mark.parametrize("seed", range(5))
def test_a_chunk_that_agrees_changes_nothing(seed: int) -> None:
    first = _chain(seed, links=3)[-1]
    seam_ns = first.joined_ns + 50_000_000

    class Same(Curve):
        def at(self, times_ns):
            return first.at(times_ns)

    same = Same(first.end_ns - 14 * STEP_NS, STEP_S, np.zeros((15, 3)))
    again = Correction(same, seam_ns, first.at(np.array([seam_ns]))[0], BLEND_S, first)
    times_ns = np.arange(seam_ns, first.end_ns - 2 * STEP_NS, 20_000_000)
    np.testing.assert_allclose(again.at(times_ns).positions, first.at(times_ns).positions, atol=2e-3)


@pytest.mark.parametrize("seed", range(5))
def test_an_offset_falls_to_a_quarter_in_one_blend_and_further_in_two(seed: int) -> None:
    curve = _curve(seed, rows=30)
    state = curve.at(np.array([STAMP_NS]))[0] + Motion.resting(np.full(3, 0.1))
    correction = Correction(curve, STAMP_NS, state, BLEND_S)
    ends_ns = np.array([correction.faded_ns, 2 * correction.faded_ns - STAMP_NS])
    left = np.abs(correction.at(ends_ns).positions - curve.at(ends_ns).positions).max(axis=1)
    assert left[0] < 0.03
    assert left[1] < 0.02


@pytest.mark.parametrize("blend_s", [0.1, 0.3, 0.8, 2.0])
@pytest.mark.parametrize(("rows", "rate_hz"), [(30, 30), (15, 15), (10, 10)])
@pytest.mark.parametrize("delay_part", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("replan", [1, 3])
def test_corrections_in_quick_succession_die_out(
    blend_s: float, rows: int, rate_hz: int, delay_part: float, replan: int
) -> None:
    step_ns, delay = round(1e9 / rate_hz), int(delay_part * rows)
    replan = min(replan, rows - 1 - delay)  # a chunk ends no sooner than the next one comes
    still, before = np.zeros((rows, 1)), None
    state, offsets = Motion(*np.array([[0.1], [0.5], [-1.0]])), []
    for index in range(round(12 * max(blend_s, 6 / rate_hz) * rate_hz / replan)):
        stamp_ns = STAMP_NS + index * replan * step_ns
        curve = Curve(stamp_ns, step_ns * 1e-9, still, index)
        before = Correction(curve, stamp_ns + delay * step_ns, state, blend_s, before)
        state = before.at(np.array([stamp_ns + (delay + replan) * step_ns]))[0]
        offsets.append(abs(state.positions[0]))
    assert max(offsets) < 0.1 + 0.5 * max(blend_s, 6 * step_ns * 1e-9)
    assert offsets[-1] < 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_noise_in_the_rows_is_not_amplified(seed: int) -> None:
    random, before, state, worst = np.random.default_rng(seed), None, Motion.resting(np.zeros(1)), 0.0
    for index in range(60):
        stamp_ns = STAMP_NS + index * 2 * STEP_NS
        chunk = ActionChunk(stamp_ns, index, STEP_S, ("joint",), random.normal(0, 0.01, (15, 1)))
        curve = Curve.through(chunk, ("joint",), 0, BLEND_S / SMOOTHING)
        assert curve is not None
        before = Correction(curve, stamp_ns + STEP_NS, state, BLEND_S, before)
        state = before.at(np.array([stamp_ns + 3 * STEP_NS]))[0]
        worst = max(worst, abs(state.positions[0]))
    assert worst < 0.04


def test_a_seam_behind_the_last_row_holds_the_state_it_got() -> None:
    curve = _curve(0)
    correction = Correction(curve, curve.end_ns, _state(0), BLEND_S)
    np.testing.assert_allclose(correction.at(np.array([curve.end_ns])).positions[0], _state(0).positions)
