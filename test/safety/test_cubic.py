# SPDX-License-Identifier: Apache-2.0
"""The cubic between points, against a polynomial fitted to the same ends and sampled densely."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.embodiment import JointCommand
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
