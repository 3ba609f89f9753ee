# SPDX-License-Identifier: Apache-2.0
"""Whether the controllers listen, and to nobody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from molmoact2_ros.embodiment import (
    FORWARD_COMMANDS,
    GRIPPER_COMMAND,
    I2RT_GRIPPER,
    JOINT_TRAJECTORY,
    PARALLEL_GRIPPER,
    STREAMED_COMMANDS,
    STREAMED_TRAJECTORY,
    Driver,
    DriverGroup,
    Embodiment,
)

from .check import Check, failed, ok, warning
from .group_label import group_label
from .topic_peers import TopicPeers
from .versions import TESTED_DISTRO

# What each interface is spoken in.
TYPES = {
    JOINT_TRAJECTORY: "trajectory_msgs/msg/JointTrajectory",
    STREAMED_TRAJECTORY: "trajectory_msgs/msg/JointTrajectory",
    STREAMED_COMMANDS: "std_msgs/msg/Float64MultiArray",
    FORWARD_COMMANDS: "std_msgs/msg/Float64MultiArray",
    PARALLEL_GRIPPER: "control_msgs/action/ParallelGripperCommand",
    GRIPPER_COMMAND: "control_msgs/action/GripperCommand",
    I2RT_GRIPPER: "i2rt_msgs/msg/GripperCommand",
}
_VENDORS = ("i2rt_msgs",)  # packages that apt does not have
BRIDGE = "bridge"
# They read every topic and control nothing.
_ONLOOKERS = ("rosbag2", "rosbridge", "foxglove", "_ros2cli", "rqt", "rviz", "plotjuggler", "molmoact2")


def check_controller(robot: Embodiment, group: DriverGroup, peers: Mapping[str, TopicPeers]) -> Iterator[Check]:
    """Judge who is at one group's command topic.

    Args:
        robot: its other profiles are proposed where one of their controllers listens.
        group: the joints in question.
        peers: by topic, for the command topics of every profile.
    """
    here, kind = peers[group.command_topic], TYPES[group.interface]
    name, topic = f"{group_label(group)} controller", group.command_topic
    expected = f"a controller that takes {kind}"
    found = [here.server] if here.server else list(here.subscribed_types)
    listening = sorted(set(_listeners(here)))
    if not listening and not here.server:
        yield failed(name, f"nobody listens on {topic}", expected, _remedy(robot, group, peers))
    elif kind not in found:
        yield failed(
            name,
            f"{', '.join(found)} at {', '.join(listening) or 'an action server'}",
            expected,
            "remap the command topic, or choose the profile of this controller with --driver",
        )
    else:
        yield ok(name, f"{', '.join(listening) or 'an action server'} listens on {topic}", expected)
    yield _check_rivals(f"{group_label(group)} rivals", here)


def check_messages(robot: Embodiment, driver: Driver, installed: Callable[[str], bool]) -> Iterator[Check]:
    """Judge whether the messages that the controllers take are installed.

    Args:
        robot: its other profiles are proposed where all of theirs are.
        driver: the profile in use.
        installed: tells whether a Python package is there.
    """

    def missing(profile: Driver) -> list[str]:
        kinds = [TYPES[group.interface] for group in profile.groups]
        return [kind for kind in kinds if not installed(kind.partition("/")[0])]

    for kind in dict.fromkeys(missing(driver)):
        package = kind.partition("/")[0]
        others = [profile.name for profile in robot.drivers.values() if not missing(profile)]
        choice = f", or choose --driver {' or '.join(others)}" if others else ""
        vendors = f"build {package} in this workspace, it comes with the driver"
        remedy = vendors if package in _VENDORS else f"install ros-{TESTED_DISTRO}-{package.replace('_', '-')}"
        yield failed("messages", f"{package} is not installed", kind, remedy + choice)


def _check_rivals(name: str, here: TopicPeers) -> Check:
    expected = "nobody but the bridge commands the robot"
    if here.server:
        return ok(name, "not seen: it is an action, which anybody may send goals to", expected)
    nodes = Counter(here.publishers)
    rivals = [node for node, count in nodes.items() if node.rpartition("/")[2] != BRIDGE or count > 1]
    bridges = [node for node in nodes if node not in rivals]
    if rivals or len(bridges) > 1:
        named = ", ".join(sorted(rivals) or bridges)
        remedy = "stop it before arming; one that crashed is listed for some seconds"
        return failed(name, f"{named} publishes on {here.topic}", expected, remedy)
    if bridges:
        return warning(name, f"the bridge runs already ({bridges[0]})", expected, "start no second graph")
    return ok(name, "nobody publishes yet", expected)


def _remedy(robot: Embodiment, group: DriverGroup, peers: Mapping[str, TopicPeers]) -> str:
    joints = set(group.joints)
    others = [
        driver.name
        for driver in robot.drivers.values()
        for other in driver.groups
        if joints & set(other.joints) and (_listeners(peers[other.command_topic]) or peers[other.command_topic].server)
    ]
    if others:
        return f"activate the controller, or choose --driver {' or '.join(dict.fromkeys(others))}, whose one listens"
    return "activate the controller: ros2 control list_controllers tells its state"


def _listeners(peers: TopicPeers) -> list[str]:
    return [node for node in peers.subscribers if not node.rpartition("/")[2].startswith(_ONLOOKERS)]
