# SPDX-License-Identifier: Apache-2.0
"""What is left of a command is its own points, and then rest where it ends."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.interpolation.motion import Motion
from molmoact2_ros.interpolation.trajectory import Trajectory

START_NS, PERIOD_NS = 1_000_000_000, 20_000_000


def _trajectory() -> Trajectory:
    positions = np.array([[0.0], [0.1], [0.2], [0.3], [0.35], [0.36]])
    velocities = np.array([[5.0], [5.0], [5.0], [5.0], [1.0], [0.0]])
    return Trajectory(START_NS, PERIOD_NS, 4, Motion(positions, velocities, np.zeros((6, 1))), 7, 9)


@pytest.mark.parametrize(
    ("periods", "position", "velocity"), [(0, 0.0, 5.0), (4, 0.35, 1.0), (5, 0.36, 0), (99, 0.36, 0)]
)
def test_state_is_the_point_at_that_time_and_rest_afterwards(periods: int, position: float, velocity: float) -> None:
    state = _trajectory().at(START_NS + periods * PERIOD_NS)
    assert (state.positions[0], state.velocities[0]) == (position, velocity)


def test_what_is_left_keeps_points_brake_and_provenance() -> None:
    left = _trajectory().since(START_NS + 2 * PERIOD_NS)
    np.testing.assert_array_equal(left.motion.positions[:, 0], [0.2, 0.3, 0.35, 0.36])
    assert (left.start_ns, left.motion_points) == (START_NS + 2 * PERIOD_NS, 2)
    assert (left.observation_ns, left.chunk_sequence) == (7, 9)


@pytest.mark.parametrize("periods", [5, 6, 99])
def test_what_is_left_of_an_ended_command_is_a_hold_of_two_points(periods: int) -> None:
    left = _trajectory().since(START_NS + periods * PERIOD_NS)
    np.testing.assert_array_equal(left.motion.positions[:, 0], [0.36, 0.36])
    assert not left.motion.velocities.any()


@pytest.mark.parametrize(("periods", "expected"), [(0, False), (3, False), (4, True), (50, True)])
def test_braking_begins_behind_the_last_point_of_motion(periods: int, expected: bool) -> None:
    assert _trajectory().brakes_at(START_NS + periods * PERIOD_NS) is expected


def test_command_carries_the_points_on_the_grid() -> None:
    command = _trajectory().command(3, ("elbow",))
    assert (command.start_ns, command.sequence, command.names, command.motion_points) == (START_NS, 3, ("elbow",), 4)
    assert command.step_s == pytest.approx(0.02)
    np.testing.assert_array_equal(command.velocities[-1], [0.0])
