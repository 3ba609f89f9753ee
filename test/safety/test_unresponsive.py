# SPDX-License-Identifier: Apache-2.0
"""An arm that does not move though chunk after chunk asks it to; the commands themselves stay near it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interfaces.safety_state import Cause, Verdict
from molmoact2_ros.safety import Limits, Settings
from molmoact2_ros.safety.unresponsive import Unresponsive
from molmoact2_ros.timing import Instant

YAM = Embodiment.load("yam")
LIMITS = Limits.load(YAM)
SETTINGS = Settings()
ARMS = [[name for name in YAM.joint_names if name.startswith(side)] for side in ("left", "right")]
PERIOD_S = 0.02
Motion = Callable[[float], np.ndarray]  # of all joints, at a time


def _joint(name: str, value: float) -> np.ndarray:
    return np.where(np.array(YAM.joint_names) == name, value, 0.0)


LEFT, RIGHT = (next(name for name in arm if "gripper" not in name) for arm in ARMS)


def _run(asked: Motion, moved: Motion, seconds: float = 6.0, noise: float = 0.001) -> tuple[Verdict | None, float]:
    """Return the first verdict, and when it came."""
    unresponsive, generator = Unresponsive(LIMITS, SETTINGS, ARMS), np.random.default_rng(0)
    count = len(YAM.joints)
    for tick in range(round(seconds / PERIOD_S)):
        time_s = tick * PERIOD_S
        now = Instant(round(time_s * 1e9), round(time_s * 1e9))
        rest = np.zeros((2, count))
        command = JointCommand(now.ros_ns, tick + 1, PERIOD_S, YAM.joint_names, 1, rest, rest, 1, 1)
        unresponsive.passed(JointCommand(**{**command.__dict__, "chunk_velocities": asked(time_s)}), now)
        measured = moved(time_s) + generator.normal(0, noise, count)
        verdict = unresponsive.check(RobotState(now.ros_ns, YAM.joint_names, measured, np.zeros(count)), now)
        if verdict is not None:
            return verdict, time_s
    return None, seconds


def _still(_: float) -> np.ndarray:
    return np.zeros(len(YAM.joints))


@pytest.mark.parametrize("speed", [0.05, 0.5])
def test_an_arm_that_stands_still_while_motion_is_asked_for_is_found_in_time(speed: float) -> None:
    verdict, after_s = _run(lambda _: _joint(LEFT, speed), _still)
    assert verdict is not None
    assert (verdict.cause, verdict.joint) == (Cause.TRACKING_ERROR, LEFT)
    assert after_s < SETTINGS.unresponsive_time_s + 0.3
    assert "no joint of its arm moved" in verdict.text


def test_an_arm_of_which_no_digit_changes_is_called_frozen() -> None:
    verdict, _ = _run(lambda _: _joint(LEFT, 0.1), _still, noise=0.0)
    assert verdict is not None
    assert (verdict.cause, verdict.joint) == (Cause.FROZEN_STATE, LEFT)


def test_an_arm_whose_state_froze_in_motion_is_called_frozen_as_well() -> None:
    def froze(time_s: float) -> np.ndarray:
        return _joint(LEFT, 0.1 * min(time_s, 3.05))

    verdict, after_s = _run(lambda _: _joint(LEFT, 0.1), froze, noise=0.0)
    assert verdict is not None
    assert verdict.cause is Cause.FROZEN_STATE
    assert after_s < 3.05 + SETTINGS.unresponsive_time_s + 0.2


def test_an_arm_that_does_what_is_asked_is_not() -> None:
    def wave(time_s: float) -> np.ndarray:
        return _joint(LEFT, 0.3 * np.sin(1.5 * (time_s - 0.3)))  # late by what seams and controllers cost

    assert _run(lambda time_s: _joint(LEFT, 0.45 * np.cos(1.5 * time_s)), wave)[0] is None


def test_one_arm_that_is_unresponsive_is_found_while_the_other_moves() -> None:
    both = _joint(LEFT, 0.1) + _joint(RIGHT, 0.1)
    verdict, _ = _run(lambda _: both, lambda time_s: _joint(RIGHT, 0.1 * time_s))
    assert verdict is not None
    assert verdict.joint == LEFT


def test_an_arm_that_presses_against_something_with_one_joint_while_another_moves_is_left_alone() -> None:
    other = ARMS[0][1]
    both = _joint(LEFT, 0.1) + _joint(other, 0.1)
    assert _run(lambda _: both, lambda time_s: _joint(other, 0.1 * time_s))[0] is None


def test_a_policy_that_trembles_asks_for_nothing() -> None:
    generator = np.random.default_rng(1)
    assert _run(lambda _: _joint(LEFT, generator.normal(0, 0.1)), _still, seconds=20.0)[0] is None


def test_a_gripper_may_be_held_by_what_it_grips() -> None:
    gripper = next(joint.name for joint in YAM.joints if joint.is_gripper)
    assert _run(lambda _: _joint(gripper, 1.0), _still)[0] is None


def test_a_command_that_only_holds_begins_the_count_again() -> None:
    def asked(time_s: float) -> np.ndarray:
        return np.empty(0) if time_s % 1.5 > 1.4 else _joint(LEFT, 0.1)

    assert _run(asked, _still, seconds=10.0)[0] is None
