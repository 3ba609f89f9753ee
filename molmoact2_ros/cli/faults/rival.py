# SPDX-License-Identifier: Apache-2.0
"""Somebody else who publishes commands to the robot."""

from __future__ import annotations

from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.publisher import Publisher
from rclpy.timer import Timer

from molmoact2_ros.cli.operator_client import OperatorClient
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.msg import JointCommand
from molmoact2_ros.nodes import qos

from .catalogue import CONTROLLER, PROPOSED
from .observer import Observer

PERIOD_S = 0.1
ASTRAY_RAD = 0.3
AHEAD = 1000  # of the sequence of the command that it changes


class Rival:
    """Repeats proposed commands with the first joint elsewhere; to a controller it listens and says nothing.

    On a controller's topic nobody could refuse what it says: that it is there must be noticed before it speaks.
    """

    def __init__(self, client: OperatorClient, observer: Observer, robot: Embodiment) -> None:
        """Listen to what is proposed; publish nothing yet."""
        self._client, self._observer = client, observer
        self._qos = qos.command(1.0 / robot.command_rate_hz)
        self._proposed: JointCommand | None = None
        self._publisher: Publisher | None = None
        self._timer: Timer | None = None
        client.listen(JointCommand, PROPOSED, self._qos, self._on_proposed)

    def publish_on(self, topic: str) -> None:
        """Publish on a topic from now on: one of those of the catalogue."""
        node = self._client.node
        if topic == CONTROLLER:
            name, kind = next(iter(self._observer.controllers.items()))
            self._publisher = node.create_publisher(kind, name, qos.CONTROLLER)
            return
        self._publisher = node.create_publisher(JointCommand, topic, self._qos)
        self._timer = node.create_timer(PERIOD_S, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def leave(self) -> None:
        """Publish no more."""
        node: Any = self._client.node
        if self._timer is not None:
            node.destroy_timer(self._timer)
        if self._publisher is not None:
            node.destroy_publisher(self._publisher)
        self._timer = self._publisher = None

    def _on_proposed(self, message: JointCommand) -> None:
        if self._publisher is None:
            self._proposed = message

    def _publish(self) -> None:
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
