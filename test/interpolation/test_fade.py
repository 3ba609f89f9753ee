# SPDX-License-Identifier: Apache-2.0
"""At a seam nothing steps: position, velocity and acceleration start as the given state and end on the curve."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.interpolation.bounds import Bounds
from molmoact2_ros.interpolation.curve import Curve
from molmoact2_ros.interpolation.fade import Fade
from molmoact2_ros.interpolation.motion import Motion

STAMP_NS = 1_700_000_000_000_000_000
SEAM_NS = STAMP_NS + 100_000_000
BLEND_S = 0.3


def _curve(seed: int) -> Curve:
    return Curve(STAMP_NS, 1 / 15, np.random.default_rng(seed).normal(scale=0.1, size=(15, 4)))


def _state(seed: int) -> Motion:
    return Motion(*np.random.default_rng(1000 + seed).normal(size=(3, 4)))


@pytest.mark.parametrize("seed", range(20))
def test_fade_starts_exactly_at_the_given_state(seed: int) -> None:
    at_seam = Fade(_curve(seed), SEAM_NS, _state(seed), BLEND_S).at(np.array([SEAM_NS]))[0]
    for name in ("positions", "velocities", "accelerations"):
        np.testing.assert_allclose(getattr(at_seam, name), getattr(_state(seed), name), atol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_fade_reaches_the_curve_with_its_derivatives_when_the_blend_ends(seed: int) -> None:
    curve, end_ns = _curve(seed), SEAM_NS + int(BLEND_S * 1e9)
    fade = Fade(curve, SEAM_NS, _state(seed), BLEND_S)
    times_ns = np.array([end_ns - 10, end_ns, end_ns + 50_000_000])
    together, alone, target = fade.at(times_ns), fade.at(times_ns[1:]), curve.at(times_ns)
    for name in ("positions", "velocities", "accelerations"):
        np.testing.assert_allclose(getattr(together, name), getattr(target, name), atol=1e-4)
        np.testing.assert_allclose(getattr(alone, name), getattr(target, name)[1:], atol=1e-9)


def test_velocity_of_the_fading_offset_is_the_derivative_of_its_position() -> None:
    fade = Fade(_curve(3), SEAM_NS, _state(3), BLEND_S)
    middle_ns, h_ns = SEAM_NS + np.arange(1, 28) * 10_000_000, 10_000
    before, middle, after = (fade.at(middle_ns + shift) for shift in (-h_ns, 0, h_ns))
    np.testing.assert_allclose((after.positions - before.positions) / 2e-5, middle.velocities, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose((after.velocities - before.velocities) / 2e-5, middle.accelerations, rtol=1e-2, atol=0.5)


@pytest.mark.parametrize(("distance", "expected"), [(0.01, True), (0.5, False)])
def test_fade_reports_whether_it_stays_within_bounds(distance: float, expected: bool) -> None:
    curve = Curve(STAMP_NS, 1 / 15, np.zeros((15, 4)))
    fade = Fade(curve, SEAM_NS, Motion.resting(np.full(4, distance)), BLEND_S)
    assert fade.within(Bounds(np.ones(4), np.ones(4), np.ones(4)), 20_000_000) is expected
