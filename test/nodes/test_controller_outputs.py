# SPDX-License-Identifier: Apache-2.0
"""The gripper action client, against a fake action server: control_msgs need not be installed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from fakes.commands import resting_command
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from molmoact2_ros.bridge import GripperGoal, Setpoints
from molmoact2_ros.embodiment import I2RT_GRIPPER, STREAMED_COMMANDS, STREAMED_TRAJECTORY, Embodiment
from molmoact2_ros.nodes.controller_outputs import (
    GripperActionOutput,
    GripperTopicOutput,
    StreamOutput,
    gripper_topic,
    i2rt_goal,
    parallel_goal,
    single_goal,
)

DROID = Embodiment.load("droid")
PERIOD_NS = 10_000_000
GRIPPER = DROID.driver("franka_ros2_robotiq").groups[1]


class FakeServer:
    """An action server that comes late and refuses goals, behind the client's interface."""

    def __init__(self, *, ready: bool, accepts: bool = True) -> None:
        self.ready, self.accepts = ready, accepts
        self.goals: list[SimpleNamespace] = []

    def server_is_ready(self) -> bool:
        return self.ready

    def send_goal_async(self, goal: SimpleNamespace) -> SimpleNamespace:
        self.goals.append(goal)
        answered = SimpleNamespace(result=lambda: SimpleNamespace(accepted=self.accepts))
        return SimpleNamespace(add_done_callback=lambda callback: callback(answered))


def _parallel() -> SimpleNamespace:
    return SimpleNamespace(command=JointState())


def _single() -> SimpleNamespace:
    return SimpleNamespace(command=SimpleNamespace(position=0.0, max_effort=0.0))


PARALLEL, SINGLE = partial(parallel_goal, _parallel), partial(single_goal, _single, 20.0)


def _output(server, warnings=None, make_goal=PARALLEL, group=GRIPPER):
    goal = GripperGoal(group, DROID.joint_names, min_step=0.01, rate_hz=10.0)
    return GripperActionOutput(server, make_goal, goal, (warnings if warnings is not None else []).append)


def test_goal_names_the_drivers_joint_and_position():
    server = FakeServer(ready=True)
    command = resting_command(DROID, 0)
    _output(server).send(command, 10**10)
    (goal,) = server.goals
    assert goal.command.name == ["robotiq_85_left_knuckle_joint"]
    assert goal.command.position[0] == pytest.approx(0.7929 * (1 - command.positions[2, 7]))


def test_the_franka_hand_gets_the_way_of_one_finger_in_metres():
    server = FakeServer(ready=True)
    command = resting_command(DROID, 0)
    hand = DROID.driver("franka_ros2_hand").groups[1]
    _output(server, make_goal=SINGLE, group=hand).send(command, 10**10)
    assert server.goals[0].command.position == pytest.approx(0.04 * command.positions[2, 7])
    assert server.goals[0].command.max_effort == 20.0


def test_the_i2rt_gripper_gets_its_share_of_opening_by_a_message_of_its_own():
    yam, node = Embodiment.load("yam"), FakeNode()
    group = yam.driver("i2rt_ros2_jazzy").groups[1]
    kind = SimpleNamespace
    goal = GripperGoal(group, yam.joint_names, min_step=0.01, rate_hz=10.0)
    command = resting_command(yam, 0)
    GripperTopicOutput(node, kind, group.command_topic, partial(i2rt_goal, kind), goal).send(command, 10**10)
    assert node.kind is kind
    assert node.sent[0].position == pytest.approx(command.positions[2, 6])


def test_a_driver_whose_messages_are_not_there_is_refused_with_what_to_install_or_to_choose():
    yam = Embodiment.load("yam")
    with pytest.raises(ValueError, match=r"a message of i2rt_msgs, which is not installed: .*yam_ros2_control_forward"):
        gripper_topic(yam, "i2rt_ros2_jazzy", I2RT_GRIPPER)


def test_a_server_that_comes_late_still_gets_the_goal():
    server = FakeServer(ready=False)
    output = _output(server)
    output.send(resting_command(DROID, 0), 10**10)
    assert (server.goals, output.listens()) == ([], False)
    server.ready = True
    output.send(resting_command(DROID, 0), 10**10 + 1)
    assert len(server.goals) == 1


def test_a_refused_goal_is_reported():
    warnings: list[str] = []
    _output(FakeServer(ready=True, accepts=False), warnings).send(resting_command(DROID, 0), 10**10)
    assert warnings == ["the gripper's action server refused the goal for robotiq_85_left_knuckle_joint"]


class FakeNode:
    """A node whose clock and timer are turned by hand."""

    def __init__(self) -> None:
        self.now_ns, self.sent = 0, []
        self.tick = lambda: None

    def publisher(self, kind, topic, _profile):
        self.kind = kind
        return SimpleNamespace(topic_name=topic, publish=self.sent.append, get_subscription_count=lambda: 0)

    def steady_timer(self, _period_s, callback):
        self.tick = callback

    def ros_now_ns(self):
        return self.now_ns


def _streamed(interface):
    group = replace(DROID.driver("franka_ros2_robotiq").groups[0], interface=interface)
    node = FakeNode()
    points = Setpoints(group, DROID.joint_names, PERIOD_NS)
    return node, StreamOutput(node, group, points, lambda _: None, lambda: node.now_ns)


def test_a_stream_sends_nothing_before_the_first_command_and_one_setpoint_a_tick_until_rest():
    node, output = _streamed(STREAMED_COMMANDS)
    node.tick()
    output.send(resting_command(DROID, 0), 0)
    for node.now_ns in range(0, 200_000_000, 10_000_000):
        node.tick()
    assert node.kind is Float64MultiArray
    assert len(node.sent) == 11  # 0.1 s of command at 100 Hz, and the point at rest
    assert list(node.sent[-1].data) == pytest.approx(DROID.pose("home")[:7] - 0.02)


def test_a_streamed_trajectory_has_one_point_without_a_stamp():
    node, output = _streamed(STREAMED_TRAJECTORY)
    output.send(resting_command(DROID, 0), 0)
    node.tick()
    (message,) = node.sent
    assert isinstance(message, JointTrajectory)
    assert message.joint_names[0] == "fr3_joint1"
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (0, 0)
    (point,) = message.points
    assert list(point.positions) == pytest.approx(DROID.pose("home")[:7])
    assert point.time_from_start.nanosec == 10_000_000
