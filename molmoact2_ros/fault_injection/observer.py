# SPDX-License-Identifier: Apache-2.0
"""Receive what the graph publishes and where the arm truly is, while the operator's client spins.

in   simulator/truth                    sensor_msgs/JointState
in   command/safe                       JointCommand; arrivals only
in   each controller's command topic    arrivals only
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from molmoact2_ros.embodiment import FORWARD_COMMANDS, GRIPPER_ACTIONS, STREAMED_COMMANDS, Driver, Embodiment
from molmoact2_ros.msg import ActionChunk, BridgeState, JointCommand, PerceptionStatus, SafetyState
from molmoact2_ros.operation.client import OperatorClient, cause_name
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import stamp_ns
from molmoact2_ros.timing import NS_PER_S

from .catalogue.names import LINKS, SAFE
from .measurement import STILL_RAD_S
from .recording import Recording

FRESH_S = 0.5  # a node that published within it runs
FRESH_CHUNK_S = 1.0
TRUTH = "simulator/truth"
STOPS = (SafetyState.STOPPING, SafetyState.STOPPED)


class Observer:
    """The graph as seen from outside; `recording` grows until `begin` starts a new one."""

    def __init__(self, client: OperatorClient, robot: Embodiment, driver: Driver) -> None:
        """Subscribe."""
        self._client, self._robot = client, robot
        self._received_s: dict[str, float] = {}
        self._order: list[int] = []
        self.recording = Recording()
        self.cause = ""  # of the first stop since `begin`, in words
        self.text = ""  # and its sentence
        self.bridge_cause = ""
        self.stopped_stamp_s: float | None = None  # ROS time at which safety first said that the arm stands
        groups = [group for group in driver.groups if group.interface not in GRIPPER_ACTIONS]
        self.controllers = {
            group.command_topic: Float64MultiArray
            if group.interface in (FORWARD_COMMANDS, STREAMED_COMMANDS)
            else JointTrajectory
            for group in groups
        }
        client.listen(JointState, TRUTH, qos.to_record(qos.STATE), self._on_truth)
        client.listen(SafetyState, "safety_state", qos.LATCHED, self._received("safety", self._on_safety))
        client.listen(BridgeState, "bridge_state", qos.LATCHED, self._received("bridge", self._on_bridge))
        client.listen(PerceptionStatus, "perception_status", qos.STATUS, self._received("perception"))
        client.listen(ActionChunk, "action_chunk", qos.CHUNK, self._received("policy"))
        command = qos.to_record(qos.command(1.0 / robot.command_rate_hz))
        client.listen(JointCommand, SAFE, command, partial(self._on_command, SAFE), raw=True)
        for topic, kind in self.controllers.items():
            client.listen(kind, topic, qos.to_record(qos.CONTROLLER), partial(self._on_command, topic), raw=True)

    def begin(self) -> None:
        """Forget what was seen."""
        self.recording = Recording()
        self.cause = self.text = self.bridge_cause = ""
        self.stopped_stamp_s = None

    def forget_nodes(self) -> None:
        """Take no node for running: all were ended."""
        self._received_s.clear()

    @property
    def speed_rad_s(self) -> float:
        """The fastest arm joint; 0 before anything was received."""
        velocities = self.recording.velocities
        return float(np.abs(velocities[-1][~self._robot.is_gripper]).max()) if velocities else 0.0

    def stood_for_s(self) -> float:
        """Return for how long the arm has stood still, by what was recorded; infinite when it is not seen at all."""
        rows = self.recording
        if not rows.arrived_s or time.monotonic() - rows.arrived_s[-1] > FRESH_S:
            return float("inf")
        arm = ~self._robot.is_gripper
        since_s = rows.arrived_s[-1]
        for arrived_s, velocities in zip(reversed(rows.arrived_s), reversed(rows.velocities), strict=True):
            if np.any(np.abs(velocities[arm]) >= STILL_RAD_S):
                break
            since_s = arrived_s
        return rows.arrived_s[-1] - since_s

    def silent_nodes(self) -> list[str]:
        """Return who has not spoken lately, or says that it cannot work."""
        now_s, client = time.monotonic(), self._client
        names = ("truth", "safety", "bridge", "perception", "policy")
        silent = [
            name
            for name in names
            if now_s - self._received_s.get(name, -np.inf) > (FRESH_CHUNK_S if name == "policy" else FRESH_S)
        ]
        if client.perception is not None and not client.perception.ready and "perception" not in silent:
            silent.append(f"perception ({client.perception.text})")
        if client.bridge is not None and client.bridge.mode == BridgeState.WAITING and "bridge" not in silent:
            silent.append(f"bridge ({client.bridge.text})")
        return silent

    def crowded_topics(self) -> list[str]:
        """Return the topics that do not list exactly one publisher; one that crashed is listed for seconds."""
        topics = (*LINKS.values(), *self.controllers)
        node = self._client.node
        return [topic for topic in topics if len(node.get_publishers_info_by_topic(f"/{topic}")) != 1]

    def _received(self, name: str, then: Callable[[Any], None] | None = None) -> Callable[[Any], None]:
        def receive(message: Any) -> None:
            self._received_s[name] = time.monotonic()
            if then is not None:
                then(message)

        return receive

    def _on_truth(self, message: JointState) -> None:
        if not self._order:
            self._order = [message.name.index(name) for name in self._robot.joint_names]
        now_s = self._received_s["truth"] = time.monotonic()
        positions, velocities = np.array(message.position)[self._order], np.array(message.velocity)[self._order]
        self.recording.add(now_s, stamp_ns(message.header.stamp) / NS_PER_S, positions, velocities)

    def _on_safety(self, message: SafetyState) -> None:
        if message.mode in STOPS and not self.cause:
            self.cause, self.text = cause_name(message.cause), message.text
        if message.mode == SafetyState.STOPPED and self.stopped_stamp_s is None:
            self.stopped_stamp_s = stamp_ns(message.header.stamp) / NS_PER_S

    def _on_bridge(self, message: BridgeState) -> None:
        if message.mode == BridgeState.HOLDING and message.cause and not self.bridge_cause:
            self.bridge_cause = cause_name(message.cause, BridgeState)

    def _on_command(self, topic: str, _data: bytes) -> None:
        self.recording.commands.append((time.monotonic(), topic))
