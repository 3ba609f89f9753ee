# SPDX-License-Identifier: Apache-2.0
"""Driver profiles that the bridge accepts and refuses. No ROS."""

from __future__ import annotations

import dataclasses

import pytest

from molmoact2_ros.embodiment import (
    FORWARD_COMMANDS,
    GRIPPER_COMMAND,
    STREAMED_COMMANDS,
    Embodiment,
    EmbodimentError,
    shipped_embodiments,
    validate_driver,
)

DROID = Embodiment.load("droid")
ARM, GRIPPER = DROID.driver("franka_ros2_robotiq").groups


@pytest.mark.parametrize("name", shipped_embodiments())
def test_every_shipped_profile_is_served(name):
    robot = Embodiment.load(name)
    for driver in robot.drivers.values():
        validate_driver(robot, driver)


def _profile(*groups):
    return dataclasses.replace(DROID.driver("franka_ros2_robotiq"), groups=groups)


@pytest.mark.parametrize("interface", [FORWARD_COMMANDS, GRIPPER_COMMAND])
def test_arm_joints_behind_an_interface_that_is_sent_goals_are_refused(interface):
    with pytest.raises(EmbodimentError, match=f"moves joint1, .* by {interface}, which carries neither time nor brake"):
        validate_driver(DROID, _profile(dataclasses.replace(ARM, interface=interface), GRIPPER))


def test_arm_joints_behind_a_forward_controller_are_served_as_a_stream():
    validate_driver(DROID, _profile(dataclasses.replace(ARM, interface=STREAMED_COMMANDS), GRIPPER))


def test_one_gripper_action_for_two_grippers_is_refused():
    both = dataclasses.replace(GRIPPER, joints={"gripper": "left", "other": "right"})
    two = dataclasses.replace(DROID, joints=(*DROID.joints, dataclasses.replace(DROID.joints[-1], name="other")))
    with pytest.raises(EmbodimentError, match="expected one group for each gripper"):
        validate_driver(two, _profile(ARM, both))
