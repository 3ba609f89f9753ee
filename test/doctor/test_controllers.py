# SPDX-License-Identifier: Apache-2.0
"""Who listens and who speaks on the command topics, of any interface."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes.recorded_drivers import ARM, DROID, healthy, peers

from molmoact2_ros.doctor.check import Check
from molmoact2_ros.doctor.evidence import TopicPeers
from molmoact2_ros.doctor.topic_checks import TYPES, check_controller, check_messages
from molmoact2_ros.embodiment import DriverGroup, Embodiment
from molmoact2_ros.embodiment.driver import INTERFACES

ACTION_PROFILE, FORWARD_PROFILE = map(DROID.driver, ("franka_ros2_robotiq", "franka_ros2_robotiq_forward"))
ACTION = ACTION_PROFILE.groups[1]
SERVER = TopicPeers(ACTION.command_topic, server="control_msgs/action/ParallelGripperCommand")
TRAJECTORY, NUMBERS = "trajectory_msgs/msg/JointTrajectory", "std_msgs/msg/Float64MultiArray"


def _checks(group: DriverGroup, here: TopicPeers) -> list[Check]:
    return list(check_controller(DROID, group, {**healthy().peers, here.topic: here}))


def test_an_action_server_is_a_controller() -> None:
    assert [check.status for check in _checks(ACTION, SERVER)] == ["ok", "ok"]


def test_an_action_server_of_the_older_kind_is_reported() -> None:
    check = _checks(ACTION, replace(SERVER, server="control_msgs/action/GripperCommand"))[0]
    assert check.status == "failed"
    assert "control_msgs/action/GripperCommand" in check.found
    assert "ParallelGripperCommand" in check.expected


def test_the_profile_whose_controller_listens_is_proposed() -> None:
    check = _checks(ACTION, TopicPeers(ACTION.command_topic))[0]
    assert "choose --driver franka_ros2_robotiq_forward, whose one listens" in check.remedy


def test_a_recorder_is_no_controller() -> None:
    check = _checks(ARM, peers(ARM.command_topic, TRAJECTORY, subscribers=("rosbag2_recorder", "lab/rqt_gui")))[0]
    assert check.found == "no node subscribes to fr3_arm_controller/joint_trajectory"


def test_a_controller_of_another_type_is_named() -> None:
    check = _checks(ARM, peers(ARM.command_topic, NUMBERS, subscribers=("forward_controller",)))[0]
    assert check.found == f"{NUMBERS} at forward_controller"


def test_every_interface_that_a_profile_may_name_has_its_type() -> None:
    assert set(TYPES) == set(INTERFACES)


def test_messages_that_come_with_a_driver_are_to_be_built_with_it() -> None:
    yam = Embodiment.load("yam")
    (check,) = check_messages(yam, yam.driver("i2rt_ros2_jazzy"), lambda package: package != "i2rt_msgs")
    assert check.remedy.startswith("build i2rt_msgs in this workspace, it comes with the driver, or choose --driver ")


@pytest.mark.parametrize(
    ("publishers", "status", "found"),
    [
        ((), "ok", "no node publishes yet"),
        (("bridge",), "warning", "the bridge runs already (bridge)"),
        (("bridge", "moveit"), "failed", "moveit publishes on"),
        (("bridge", "bridge"), "failed", "bridge publishes on"),
        (("left/bridge", "right/bridge"), "failed", "left/bridge, right/bridge publishes on"),
        (("teleop", "moveit"), "failed", "moveit, teleop publishes on"),
    ],
)
def test_second_publishers_are_named(publishers: tuple[str, ...], status: str, found: str) -> None:
    here = peers(ARM.command_topic, TRAJECTORY, publishers=publishers, subscribers=("fr3_arm_controller",))
    check = _checks(ARM, here)[1]
    assert check.status == status
    assert check.found.startswith(found)


def test_messages_that_are_not_installed_are_named_with_the_profile_that_does_without() -> None:
    (check,) = check_messages(DROID, ACTION_PROFILE, lambda package: package != "control_msgs")
    assert check.found == "control_msgs is not installed"
    assert check.remedy.startswith("install ros-jazzy-control-msgs, or choose --driver ")
    assert FORWARD_PROFILE.name in check.remedy
    assert list(check_messages(DROID, FORWARD_PROFILE, lambda package: package != "control_msgs")) == []
