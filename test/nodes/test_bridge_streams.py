# SPDX-License-Identifier: Apache-2.0
"""The bridge before a controller that goes to whatever came last: an SO-101 behind its forward controller.

One process, one executor; the neighbours are a driver, a safety and a controller that only listens.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from fakes.commands import continued, resting_command
from fakes.neighbours import AroundNode
from rclpy.qos import qos_profile_sensor_data, qos_profile_system_default
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.msg import BridgeState, JointCommand, RobotState, SafetyState
from molmoact2_ros.nodes.bridge_node import BridgeNode
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import command_to_msg, to_array, to_stamp

pytestmark = pytest.mark.node

SO101 = Embodiment.load("so101")
(GROUP,) = SO101.driver("so101_forward").groups
HOME = SO101.pose("home")
RATE_HZ = 20.0  # so low that a busy machine does not interrupt the stream
POINTS = 26  # half a second
END = GROUP.unit.outside(HOME - 0.02)  # of resting_command, in the driver's units


class Neighbours(AroundNode):
    """A driver, safety, and a forward controller around a bridge node."""

    bridge = property(lambda self: self.tested)

    def __init__(self) -> None:
        super().__init__(BridgeNode, embodiment="so101", driver="so101_forward", stream_rate_hz=RATE_HZ)
        assert self.started, self.bridge.failure
        self.states = self.node.create_publisher(JointState, GROUP.state_topic, qos_profile_sensor_data)
        self.safety = self.node.create_publisher(SafetyState, "safety_state", qos.LATCHED)
        self.commands = self.node.create_publisher(JointCommand, "command/safe", qos.command(0.02))
        self.setpoints: list[np.ndarray] = []
        self.robot_states: list[RobotState] = []
        self.bridge_states: list[BridgeState] = []
        self.node.create_subscription(BridgeState, "bridge_state", self.bridge_states.append, qos.LATCHED)
        self.node.create_subscription(
            Float64MultiArray,
            GROUP.command_topic,
            lambda message: self.setpoints.append(np.array(message.data)),
            qos_profile_system_default,
        )
        self.node.create_subscription(RobotState, "robot_state", self.robot_states.append, qos.STATE)
        self.motion: JointCommand | None = None
        self.sequence = 0

    def play(self, mode: int = SafetyState.DISARMED) -> None:
        message = JointState(name=list(GROUP.joints.values())[::-1])
        message.header.stamp = to_stamp(self.now_ns())
        message.position = to_array("d", GROUP.unit.outside(HOME)[::-1])
        self.states.publish(message)
        self.safety.publish(SafetyState(mode=mode))

    def command(self, mode: int = SafetyState.ARMED) -> None:
        """The next command of a motion that begins with the first one."""
        self.play(mode)
        self.sequence += 1
        self.motion = self.motion or resting_command(SO101, self.now_ns(), points=POINTS)
        command = replace(continued(self.motion, self.now_ns()), sequence=self.sequence)
        self.commands.publish(command_to_msg(command))

    def holds(self, cause: int) -> bool:
        return bool(self.bridge_states) and self.bridge_states[-1].cause == cause

    def is_ready(self) -> bool:
        """Whether drivers and controllers are connected."""
        return bool(self.bridge_states) and not self.bridge_states[-1].text

    def arm_safety(self) -> None:
        self.play_until(lambda: self.robot_states and self.is_ready())
        self.play_until(lambda: self.bridge._guard.permits, lambda: self.play(SafetyState.ARMED))


@pytest.fixture
def around(around: Callable[[], Neighbours]) -> Neighbours:
    return around()


def test_one_command_is_streamed_to_its_end_although_no_other_follows(around: Neighbours) -> None:
    around.arm_safety()
    around.play_until(lambda: around.setpoints, around.command)
    around.play_for(0.8)
    np.testing.assert_allclose(around.setpoints[-1], END)
    steps = np.diff([*around.setpoints], axis=0)
    assert len(around.setpoints) > 4
    assert (steps[:, 0] <= 1e-12).all(), "the pan only ever moves on"
    streamed = len(around.setpoints)
    around.play_for(0.2)
    assert len(around.setpoints) == streamed, "a controller at rest is left alone"


def test_arm_and_gripper_share_a_message_and_each_has_its_unit(around: Neighbours) -> None:
    around.arm_safety()
    around.play_until(lambda: around.setpoints and np.allclose(around.setpoints[-1], END), around.command)
    assert around.setpoints[-1][:5] == pytest.approx(HOME[:5] - 0.02)
    assert around.setpoints[-1][5] == pytest.approx(1.919863 * (HOME[5] - 0.02) - 0.174533)


def test_the_state_of_one_message_comes_back_in_our_units(around: Neighbours) -> None:
    around.play_until(lambda: around.robot_states)
    assert list(around.robot_states[-1].names) == list(SO101.joint_names)
    np.testing.assert_allclose(around.robot_states[-1].positions, HOME, atol=1e-12)


def test_nothing_is_streamed_while_safety_is_not_armed(around: Neighbours) -> None:
    around.play_until(lambda: around.robot_states)
    around.play_until(lambda: around.sequence > 10, lambda: around.command(SafetyState.DISARMED))
    assert not around.setpoints


def test_a_stream_that_was_interrupted_is_over_until_safety_arms_again(around: Neighbours) -> None:
    around.arm_safety()
    around.play_until(lambda: len(around.setpoints) > 2, around.command)
    time.sleep(0.25)  # the process does not run: the motion, half a second long, has gone on without it
    streamed = len(around.setpoints)
    around.play_until(lambda: around.holds(BridgeState.CAUSE_OVERLOADED))
    assert "stop, reset and arm safety to move again" in around.bridge_states[-1].text
    around.play_for(0.6)
    assert len(around.setpoints) == streamed, "not even the end of the command is sent"
    around.motion = None
    around.arm_safety()
    around.play_until(lambda: len(around.setpoints) > streamed, around.command)
