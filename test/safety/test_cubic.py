# SPDX-License-Identifier: Apache-2.0
"""The cubic between points, against a polynomial fitted to the same ends and sampled densely."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.safety import cubic

STEP_S = 0.02
START_NS = 10**18


def _command(seed: int = 0) -> JointCommand:
    generator = np.random.default_rng(seed)
    positions, velocities = generator.normal(0, 0.01, (4, 3)), generator.normal(0, 1, (4, 3))
    velocities[-1] = 0
    return JointCommand(START_NS, 1, STEP_S, ("a", "b", "c"), 2, positions, velocities, 0, 0)


def _polynomial(command: JointCommand, segment: int, joint: int) -> np.polynomial.Polynomial:
    h = STEP_S
    system = [[1, 0, 0, 0], [0, 1, 0, 0], [1, h, h**2, h**3], [0, 1, 2 * h, 3 * h**2]]
    ends = [values[segment + side, joint] for side in (0, 1) for values in (command.positions, command.velocities)]
    return np.polynomial.Polynomial(np.linalg.solve(system, ends))


@pytest.mark.parametrize("segment", range(3))
@pytest.mark.parametrize("seed", range(4))
def test_accelerations_and_peak_speeds_are_those_of_the_interpolating_polynomial(segment: int, seed: int) -> None:
    command = _command(seed)
    begin, end = cubic.accelerations(command)
    speeds = cubic.peak_speeds(command)
    for joint in range(3):
        velocity = _polynomial(command, segment, joint).deriv()
        dense = np.abs(velocity(np.linspace(0, STEP_S, 20_001))).max()
        assert begin[segment, joint] == pytest.approx(velocity.deriv()(0))
        assert end[segment, joint] == pytest.approx(velocity.deriv()(STEP_S))
        assert speeds[segment, joint] == pytest.approx(dense, rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_a_jerk_is_the_largest_change_of_acceleration_within_a_step(seed: int) -> None:
    command, before = _command(seed), np.array([1.0, -2.0, 3.0])
    begin, end = cubic.accelerations(command)
    parts = np.linspace(0, 1, 101)[:, None, None]
    # [times, joints]: rest or what was before, the segments, rest
    inside = (begin + parts * (end - begin)).transpose(1, 0, 2)
    dense = np.concatenate([np.tile(before, (1, 101, 1)), inside, np.zeros((1, 101, 3))]).reshape(-1, 3)
    changes = np.max([np.abs(dense[lag:] - dense[: len(dense) - lag]).max(axis=0) for lag in range(1, 102)], axis=0)
    assert cubic.jerks(command, before).max(axis=0) == pytest.approx(changes / STEP_S, rel=1e-9)


@pytest.mark.parametrize(
    ("time_s", "segment", "part"), [(0.0, 0, 0.0), (0.013, 0, 0.65), (0.02, 0, 1.0), (0.05, 2, 0.5)]
)
def test_where_segments_meet_the_acceleration_before_is_that_of_the_earlier_one(
    time_s: float, segment: int, part: float
) -> None:
    command = _command()
    begin, end = cubic.accelerations(command)
    expected = begin[segment] + part * (end[segment] - begin[segment])
    assert cubic.acceleration_before(command, START_NS + round(time_s * 1e9)) == pytest.approx(expected)


def test_after_its_end_a_command_has_no_acceleration() -> None:
    assert not cubic.acceleration_before(_command(), START_NS + 10**9).any()


@pytest.mark.parametrize("time_s", [0.0, 0.013, 0.02, 0.047, 0.0599])
def test_a_command_is_evaluated_between_its_points(time_s: float) -> None:
    command = _command()
    position, velocity = cubic.evaluate(command, START_NS + round(time_s * 1e9))
    segment = int(time_s / STEP_S + 1e-9)
    curve = _polynomial(command, segment, 1)
    assert position[1] == pytest.approx(curve(time_s - segment * STEP_S))
    assert velocity[1] == pytest.approx(curve.deriv()(time_s - segment * STEP_S), abs=1e-9)


def test_outside_its_time_a_command_waits_at_its_first_point_and_rests_at_its_last() -> None:
    command = _command()
    before, after = cubic.evaluate(command, START_NS - 10**9), cubic.evaluate(command, START_NS + 10**9)
    assert (before[0] == command.positions[0]).all()
    assert (after[0] == command.positions[-1]).all()
    assert not after[1].any()
