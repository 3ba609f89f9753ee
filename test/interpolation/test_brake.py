# SPDX-License-Identifier: Apache-2.0
"""Every brake ends at rest, on the grid, within its bounds, from any state; absurd states give no false rest."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.interpolation.brake import LONGEST_BRAKE_S, SHORTEST_BRAKE_S, Brake
from molmoact2_ros.interpolation.motion import Motion

STEP_S = 0.02
LIMIT = np.array([10.0, 10.0, 12.0])
VELOCITY = np.array([2.0, 2.5, 1.8])


def _brake() -> Brake:
    return Brake(LIMIT / 2, LIMIT / 2 / 0.04, STEP_S)


def _state(seed: int, ratio: float) -> Motion:
    generator = np.random.default_rng(seed)
    position, velocity, acceleration = generator.uniform(-1, 1, (3, 3))
    return Motion(position, ratio * VELOCITY * velocity, ratio * LIMIT * acceleration)


def _hermite_accelerations(state: Motion, tail: Motion) -> np.ndarray:
    positions = np.vstack([state.positions[None], tail.positions])
    velocities = np.vstack([state.velocities[None], tail.velocities])
    mean, begin, end = np.diff(positions, axis=0) / STEP_S, velocities[:-1], velocities[1:]
    return np.stack([6 * mean - 4 * begin - 2 * end, 2 * begin + 4 * end - 6 * mean]) / STEP_S


@pytest.mark.parametrize("seed", range(30))
def test_brake_ends_exactly_at_rest(seed: int) -> None:
    tail = _brake().from_state(_state(seed, ratio=1.0))
    assert not tail.velocities[-1].any()
    assert not tail.accelerations[-1].any()
    assert len(tail) * STEP_S < 1.0


@pytest.mark.parametrize("seed", range(30))
def test_what_a_controller_plays_between_the_points_stays_within_the_acceleration_limit(seed: int) -> None:
    state = _state(seed, ratio=0.7)
    played = np.abs(_hermite_accelerations(state, _brake().from_state(state)))
    assert (played <= LIMIT).all()


def test_brake_from_a_steady_motion_never_exceeds_its_own_deceleration() -> None:
    state = Motion(np.zeros(3), VELOCITY, np.zeros(3))
    tail = _brake().from_state(state)
    assert (np.abs(tail.accelerations) <= LIMIT / 2 + 1e-9).all()
    assert (np.diff(np.abs(tail.velocities), axis=0) <= 1e-12).all()


def test_deceleration_builds_up_no_faster_than_the_jerk_bound() -> None:
    state = Motion(np.zeros(3), VELOCITY, np.zeros(3))
    accelerations = np.vstack([state.accelerations[None], _brake().from_state(state).accelerations])
    assert (np.abs(np.diff(accelerations, axis=0)) <= LIMIT / 2 / 0.04 * STEP_S + 1e-9).all()


def test_each_joint_rests_as_soon_as_it_can() -> None:
    tail = _brake().from_state(Motion(np.zeros(3), np.array([2.0, 0.1, 0.0]), np.zeros(3)))
    moving = (np.abs(tail.velocities) > 1e-9).sum(axis=0)
    assert moving[0] > moving[1] > moving[2] == 0


def test_brake_from_rest_stays_there_for_long_enough_to_reach_the_controller() -> None:
    tail = _brake().from_state(Motion.resting(np.array([0.1, 0.2, 0.3])))
    assert len(tail) * STEP_S == pytest.approx(SHORTEST_BRAKE_S)
    np.testing.assert_array_equal(tail.positions, np.tile([0.1, 0.2, 0.3], (len(tail), 1)))
    assert not tail.velocities.any()


@pytest.mark.parametrize("velocity", [100.0, 1e30])
def test_brake_from_an_absurd_speed_does_not_pretend_to_end_at_rest(velocity: float) -> None:
    tail = _brake().from_state(Motion(np.zeros(3), np.array([velocity, 0.0, 0.0]), np.zeros(3)))
    assert tail.velocities[-1, 0] > 1.0
    assert len(tail) <= LONGEST_BRAKE_S / STEP_S
