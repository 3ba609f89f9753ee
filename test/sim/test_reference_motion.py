# SPDX-License-Identifier: Apache-2.0
"""The teacher of the demo's checkpoint: starts where it is, stays gentle, goes round for ever."""

import numpy as np
import pytest

from molmoact2_ros.embodiment import Embodiment, shipped_embodiments
from molmoact2_ros.sim import DemoMotion
from molmoact2_ros.sim.reference_motion import GRIPPER_ROOM, PERIOD_S

RATE_HZ = 30.0


def _motion(robot: str) -> DemoMotion:
    return DemoMotion.of(Embodiment.load(robot))


def _states(motion: DemoMotion) -> np.ndarray:
    return motion.draw_states(500, np.random.default_rng(0))


@pytest.mark.parametrize("robot", shipped_embodiments())
def test_first_row_is_the_state_it_starts_from(robot):
    motion = _motion(robot)
    off = np.abs(motion.rows(_states(motion), 3, RATE_HZ)[:, 0] - _states(motion))
    assert off[:, ~motion.is_gripper].max() < 1e-12
    assert off[:, motion.is_gripper].max() <= GRIPPER_ROOM + 1e-12


@pytest.mark.parametrize("robot", shipped_embodiments())
def test_grippers_never_leave_their_range(robot):
    motion = _motion(robot)
    rows = motion.rows(_states(motion), 200, RATE_HZ)[..., motion.is_gripper]
    assert rows.min() >= GRIPPER_ROOM - 1e-12
    assert rows.max() <= 1 - GRIPPER_ROOM + 1e-12


@pytest.mark.parametrize("robot", shipped_embodiments())
def test_range_lies_within_the_limits_and_their_margins(robot):
    motion, limits = _motion(robot), Embodiment.load(robot).limits
    assert (motion.low >= limits("low") + limits("margin") - 1e-9).all()
    assert (motion.high <= limits("high") - limits("margin") + 1e-9).all()


@pytest.mark.parametrize("robot", shipped_embodiments())
def test_arm_speed_and_acceleration_are_gentle_wherever_it_starts(robot):
    motion = _motion(robot)
    rows = motion.rows(_states(motion), 30, RATE_HZ)[..., ~motion.is_gripper]
    assert np.abs(np.diff(rows, axis=1)).max() * RATE_HZ < 0.7
    assert np.abs(np.diff(rows, 2, axis=1)).max() * RATE_HZ**2 < 1.5


@pytest.mark.parametrize("robot", shipped_embodiments())
def test_any_start_ends_on_the_same_loop(robot):
    motion = _motion(robot)
    period = round(PERIOD_S * RATE_HZ)
    rows = motion.rows(_states(motion), 3 * period + 1, RATE_HZ)
    np.testing.assert_allclose(rows[:, -1], rows[:, -1 - period], atol=1e-3)
    np.testing.assert_allclose(np.ptp(rows[:, -period:], axis=1), 2 * motion.amplitude[None].repeat(500, 0), rtol=0.02)


@pytest.mark.parametrize("robot", shipped_embodiments())
def test_executing_chunk_after_chunk_follows_the_same_path(robot):
    motion = _motion(robot)
    straight = motion.rows(_states(motion), 31, RATE_HZ)
    state = _states(motion)
    for _ in range(3):
        state = motion.rows(state, 11, RATE_HZ)[:, -1]
    np.testing.assert_allclose(state, straight[:, -1], atol=1e-9)


def test_home_pose_of_droid_lies_on_the_loop():
    home = Embodiment.load("droid").pose("home")
    motion = _motion("droid")
    loop = motion.rows(home[None], round(PERIOD_S * RATE_HZ) + 1, RATE_HZ)[0]
    arm = ~motion.is_gripper
    np.testing.assert_allclose(loop[-1, arm], home[arm], atol=1e-9)
