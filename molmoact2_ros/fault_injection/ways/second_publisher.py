# SPDX-License-Identifier: Apache-2.0
"""Another node that publishes what one node of the graph alone may publish."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.timer import Timer
from sensor_msgs.msg import JointState

from molmoact2_ros.embodiment import Driver, Embodiment
from molmoact2_ros.msg import (
    ActionChunk,
    BridgeState,
    JointCommand,
    Observation,
    PerceptionStatus,
    RobotState,
    SafetyState,
)
from molmoact2_ros.operation.client import OperatorClient
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import to_array

from ..catalogue.names import CONTROLLER, DRIVER_STATES, OLD, PROPOSED, SAFE
from ..fault import Action
from ..observer import Observer
from .way import Way

PERIOD_S = 0.1
ASTRAY_RAD = 0.3
AHEAD = 1000  # of the sequence of the command that it changes
LINKS: dict[str, tuple[Any, QoSProfile]] = {
    "action_chunk": (ActionChunk, qos.CHUNK),
    "observation": (Observation, qos.OBSERVATION),
    "perception_status": (PerceptionStatus, qos.STATUS),
    "robot_state": (RobotState, qos.STATE),
    "safety_state": (SafetyState, qos.LATCHED),
    "bridge_state": (BridgeState, qos.LATCHED),
}


class SecondPublisher(Way):
    """Repeat commands with the first joint elsewhere, an old state, or a driver's states; elsewhere publish nothing.

    What it would publish there could not be refused: that it is there must be noticed before.
    """

    def __init__(self, client: OperatorClient, observer: Observer, robot: Embodiment, driver: Driver) -> None:
        """Listen to what is proposed; publish nothing yet."""
        self._client, self._observer = client, observer
        self._group = driver.groups[0]
        self._qos = qos.command(1.0 / robot.command_rate_hz)
        self._proposed: JointCommand | None = None
        self._old: RobotState | None = None
        self._publisher: Publisher | None = None
        self._timer: Timer | None = None
        client.listen(JointCommand, PROPOSED, self._qos, self._on_proposed)

    def begin(self, action: Action) -> None:
        """Publish on a topic from now on: one of those of the catalogue."""
        node = self._client.node
        topic, *old = action.argument.split() if action.argument != DRIVER_STATES else [DRIVER_STATES]
        if topic in (PROPOSED, SAFE):
            self._publisher = node.create_publisher(JointCommand, topic, self._qos)
            self._repeat(self._publish_wrong_command)
        elif topic == CONTROLLER:
            name, kind = next(iter(self._observer.controllers.items()))
            self._publisher = node.create_publisher(kind, name, qos.CONTROLLER)
        elif topic == DRIVER_STATES:
            self._publisher = node.create_publisher(JointState, self._group.state_topic, 10)
            self._repeat(self._publish_states)
        else:
            self._publisher = node.create_publisher(LINKS[topic][0], topic, LINKS[topic][1])
        if old == [OLD]:
            self._old = self._client.robot
            self._repeat(self._publish_old)

    def end(self, _action: Action) -> None:
        """Publish no more."""
        node: Any = self._client.node
        if self._timer is not None:
            node.destroy_timer(self._timer)
        if self._publisher is not None:
            node.destroy_publisher(self._publisher)
        self._timer = self._publisher = None

    def _repeat(self, publish: Callable[[], None]) -> None:
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self._client.node.create_timer(PERIOD_S, publish, clock=steady)

    def _on_proposed(self, message: JointCommand) -> None:
        if self._publisher is None:
            self._proposed = message

    def _publish_old(self) -> None:
        if self._publisher is not None and self._old is not None:
            self._publisher.publish(self._old)

    def _publish_states(self) -> None:
        """Report where the robot is, as its driver does: what is reported is right, and comes from two."""
        robot = self._client.robot
        if self._publisher is None or robot is None:
            return
        places = [list(robot.names).index(name) for name in self._group.joints]
        positions = self._group.unit.outside(np.array(robot.positions)[places])
        message = JointState(name=list(self._group.joints.values()), position=to_array("d", positions))
        message.header.stamp = self._client.node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def _publish_wrong_command(self) -> None:
        if self._publisher is None or self._proposed is None:
            return
        message = self._proposed
        message.header.stamp = self._client.node.get_clock().now().to_msg()
        message.sequence += AHEAD
        joints = len(message.names)
        for index in range(0, len(message.positions), joints):
            message.positions[index] += ASTRAY_RAD
        self._publisher.publish(message)
        for index in range(0, len(message.positions), joints):
            message.positions[index] -= ASTRAY_RAD
