# SPDX-License-Identifier: Apache-2.0
"""Driver profiles that the bridge accepts and refuses. No ROS."""

from __future__ import annotations

import dataclasses

import pytest

from molmoact2_ros.bridge import BridgeError, require_servable
from molmoact2_ros.embodiment import FORWARD_COMMANDS, Embodiment

DROID = Embodiment.load("droid")
ARM, GRIPPER = DROID.driver("franka_ros2_robotiq").groups


@pytest.mark.parametrize("name", sorted(DROID.drivers))
def test_every_shipped_profile_is_served(name):
    require_servable(DROID, DROID.driver(name))


def _profile(*groups):
    return dataclasses.replace(DROID.driver("franka_ros2_robotiq"), groups=groups)


def test_arm_joints_behind_an_interface_without_time_are_refused():
    with pytest.raises(
        BridgeError, match=r"moves joint1, .* by forward_commands, which carries neither time nor brake"
    ):
        require_servable(DROID, _profile(dataclasses.replace(ARM, interface=FORWARD_COMMANDS), GRIPPER))


def test_one_gripper_action_for_two_grippers_is_refused():
    both = dataclasses.replace(GRIPPER, joints={"gripper": "left", "other": "right"})
    two = dataclasses.replace(DROID, joints=(*DROID.joints, dataclasses.replace(DROID.joints[-1], name="other")))
    with pytest.raises(BridgeError, match="expected one group for each gripper"):
        require_servable(two, _profile(ARM, both))
