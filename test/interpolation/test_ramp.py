# SPDX-License-Identifier: Apache-2.0
"""A ramp keeps its bounds from rest until it runs on the curve, which it meets without a step."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.interpolation.bounds import Bounds
from molmoact2_ros.interpolation.curve import Curve
from molmoact2_ros.interpolation.motion import Motion
from molmoact2_ros.interpolation.ramp import NEVER_NS, Ramp

STAMP_NS = 1_700_000_000_000_000_000
START_NS = STAMP_NS + 60_000_000
PERIOD_NS = 20_000_000
BOUNDS = Bounds(velocity=np.array([0.5, 0.5]), acceleration=np.array([2.0, 2.0]), jerk=np.array([20.0, 20.0]))


def _curve(speed: float) -> Curve:
    times_s = np.arange(15) / 15
    return Curve(STAMP_NS, 1 / 15, np.stack([speed * times_s, -speed * times_s**2], axis=1))


def _times(ramp: Ramp) -> np.ndarray:
    return np.arange(START_NS, ramp.end_ns + 1, 1_000_000)


def _ramp(speed: float, distance: float) -> Ramp:
    return Ramp(_curve(speed), START_NS, Motion.resting(np.full(2, distance)), BOUNDS, PERIOD_NS)


@pytest.mark.parametrize("distance", [0.0, 0.05, -0.1])
def test_ramp_joins_a_moving_curve_without_a_step(distance: float) -> None:
    ramp = _ramp(speed=0.2, distance=distance)
    assert ramp.joined_ns < ramp.end_ns
    before, after = ramp.at(np.array([ramp.joined_ns - 1, ramp.joined_ns])).positions
    np.testing.assert_allclose(before, after, atol=1e-8)
    seam = ramp.at(np.array([ramp.joined_ns - 1, ramp.joined_ns]))
    np.testing.assert_allclose(seam.velocities[0], seam.velocities[1], atol=1e-6)
    np.testing.assert_allclose(seam.accelerations[0], seam.accelerations[1], atol=1e-6)


@pytest.mark.parametrize(("speed", "distance"), [(0.2, 0.1), (0.2, 3.0), (2.0, 0.0)])
def test_ramp_never_exceeds_its_bounds(speed: float, distance: float) -> None:
    ramp = _ramp(speed, distance)
    motion = ramp.at(_times(ramp))
    assert (np.abs(motion.velocities) <= BOUNDS.velocity + 1e-9).all()
    assert (np.abs(motion.accelerations) <= BOUNDS.acceleration + 1e-9).all()


@pytest.mark.parametrize(("speed", "distance"), [(0.2, 3.0), (2.0, 0.0)])
def test_ramp_that_cannot_join_heads_for_rest_at_the_last_row(speed: float, distance: float) -> None:
    ramp = _ramp(speed, distance)
    last = _curve(speed).at(np.array([ramp.end_ns])).positions[0]
    path = np.abs(ramp.at(_times(ramp)).positions - last)
    assert ramp.joined_ns == NEVER_NS
    assert (path[-1] < path[0]).all()
