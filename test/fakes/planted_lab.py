# SPDX-License-Identifier: Apache-2.0
"""The drivers of a robot on real topics, well by default, with one knob for each trap that can be planted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import rclpy
from fakes.recorded_drivers import scene
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from molmoact2_ros.embodiment import JOINT_TRAJECTORY, STREAMED_TRAJECTORY, Driver, DriverGroup, Embodiment
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import to_array, to_stamp

RATE_HZ, CAMERA_RATE_HZ = 60.0, 30.0
Values = dict[str, float]


@dataclass(frozen=True)
class Traps:
    """What is planted; the defaults are a robot that is well.

    Attributes:
        pose: positions in this package's units by joint, over time in seconds; those left out stand at home.
        raw: what the driver makes of its numbers, by driver's joint name.
        rename: the driver's joint names.
        state_rate_hz: of every joint state.
        clock_s: what the drivers' clock is ahead of this machine's.
        feeds: which camera's image goes to a role.
        frame_ids: of a role's images.
        twins: how many drivers publish every state.
    """

    pose: Callable[[float], Values] = lambda _time_s: {}
    raw: Callable[[Values], Values] = lambda values: values
    rename: Callable[[str], str] = lambda name: name
    state_rate_hz: float = RATE_HZ
    clock_s: float = 0.0
    feeds: Mapping[str, str] = field(default_factory=dict)
    frame_ids: Mapping[str, str] = field(default_factory=dict)
    twins: int = 1


class PlantedLab:
    """Drivers, cameras and controllers of one robot in one node, published from a thread of their own."""

    def __init__(self, robot: Embodiment, driver: Driver, domain: int, traps: Traps) -> None:
        self._robot, self._groups, self._traps = robot, driver.groups, traps
        self._home = dict(zip(robot.joint_names, robot.pose("home"), strict=True))
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self._node = Node("lab", context=self._context)
        publish = self._node.create_publisher
        self._states: list[tuple[DriverGroup, Any]] = [
            (group, publish(JointState, group.state_topic, qos_profile_sensor_data))
            for group in driver.groups
            for _ in range(traps.twins)
        ]
        self._cameras = {each.role: publish(Image, each.topic, qos_profile_sensor_data) for each in robot.cameras}
        for group in driver.groups:
            trajectories = group.interface in (JOINT_TRAJECTORY, STREAMED_TRAJECTORY)
            kind = JointTrajectory if trajectories else Float64MultiArray
            self._node.create_subscription(kind, group.command_topic, lambda _: None, qos.CONTROLLER)
        self._random = np.random.default_rng(0)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._publish_for_ever)
        self._thread.start()

    def close(self) -> None:
        """End the drivers."""
        self._ends.set()
        self._thread.join()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    def _publish_for_ever(self) -> None:
        began, count, per_state = time.monotonic(), 0, round(RATE_HZ / self._traps.state_rate_hz)
        while not self._ends.wait(max(0.0, began + count / RATE_HZ - time.monotonic())):
            if count % per_state == 0:
                for group, publisher in self._states:
                    publisher.publish(self._state(group, time.monotonic() - began))
            if count % round(RATE_HZ / CAMERA_RATE_HZ) == 0:
                images = {role: self._pixels(seed) for seed, role in enumerate(self._cameras)}
                for role, publisher in self._cameras.items():
                    publisher.publish(self._image(role, images[self._traps.feeds.get(role, role)]))
            count += 1

    def _state(self, group: DriverGroup, time_s: float) -> JointState:
        pose = self._home | self._traps.pose(time_s)
        numbers = group.unit.outside(np.array([pose[joint] for joint in group.joints]))
        values = self._traps.raw(dict(zip(group.joints.values(), numbers.tolist(), strict=True)))
        message = JointState(name=[self._traps.rename(name) for name in values])
        message.header.stamp = self._stamp()
        message.position = to_array("d", np.array(list(values.values())))
        return message

    def _pixels(self, seed: int) -> np.ndarray:
        image = scene(seed)
        return image + self._random.integers(0, 3, image.shape, dtype=np.uint8)

    def _image(self, role: str, image: np.ndarray) -> Image:
        message = Image(height=48, width=64, encoding="rgb8", step=192, data=to_array("B", image))
        message.header.stamp, message.header.frame_id = self._stamp(), self._traps.frame_ids.get(role, f"{role}_lens")
        return message

    def _stamp(self) -> Any:
        return to_stamp(time.time_ns() + round(self._traps.clock_s * 1e9))
