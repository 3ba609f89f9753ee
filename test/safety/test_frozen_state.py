# SPDX-License-Identifier: Apache-2.0
"""A frozen state is found for each driver by itself: one of two arms may freeze while the other does not. No ROS."""

from __future__ import annotations

import numpy as np

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interfaces.safety_state import Cause, Verdict
from molmoact2_ros.safety import Limits, Settings
from molmoact2_ros.safety.frozen_state import FrozenState
from molmoact2_ros.timing import Instant

YAM = Embodiment.load("yam")
LIMITS = Limits.load(YAM)
GROUPS = [tuple(group.joints) for group in YAM.driver("i2rt_ros2_jazzy").groups]
HOME = YAM.pose("home")
PERIOD_NS = 20_000_000
SPEED_RAD_S = 0.5
LEFT, RIGHT = (np.array([name.startswith(side) for name in YAM.joint_names]) for side in ("left", "right"))


def _verdict(moves: np.ndarray, reported: np.ndarray, periods: int = 20) -> Verdict | None:
    """Lead joints away, and report as new only some of them [joints]; return the first objection."""
    watch = FrozenState(LIMITS, Settings(), GROUPS)
    for period in range(periods):
        now = Instant(period * PERIOD_NS, period * PERIOD_NS)
        led = HOME + np.where(moves & ~YAM.is_gripper, SPEED_RAD_S * period * PERIOD_NS / 1e9, 0.0)
        positions = np.tile(led, (2, 1))
        command = JointCommand(
            now.ros_ns, period + 1, 0.02, YAM.joint_names, 1, positions, np.zeros_like(positions), 0, 0
        )
        measured = np.where(reported, led + 1e-4 * np.sin(period), HOME)
        state = RobotState(now.ros_ns, YAM.joint_names, measured, np.zeros_like(measured))
        if verdict := watch.check(state, command, now):
            return verdict
    return None


def test_one_arm_that_freezes_is_found_and_named_while_the_other_does_not() -> None:
    verdict = _verdict(LEFT | RIGHT, reported=LEFT)
    assert verdict is not None
    assert verdict.cause is Cause.FROZEN_STATE
    assert verdict.joint.startswith("right_")
    assert "robot_state of right_joint1, right_joint2" in verdict.text
    assert "left" not in verdict.text


def test_an_arm_that_rightly_stands_still_next_to_a_moving_one_is_not_frozen() -> None:
    assert _verdict(LEFT, reported=LEFT) is None


def test_a_gripper_that_is_held_by_what_it_grips_is_not_frozen() -> None:
    assert _verdict(LEFT | RIGHT, reported=~YAM.is_gripper) is None
