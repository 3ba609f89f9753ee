# SPDX-License-Identifier: Apache-2.0
"""Listen to a robot's drivers as the graph would, and note what comes. The judging is elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import get_rmw_implementation_identifier
from sensor_msgs.msg import CompressedImage, Image, JointState

from molmoact2_ros.bringup.ros_environment import ros_arguments
from molmoact2_ros.embodiment import Driver, Embodiment
from molmoact2_ros.interfaces.camera_frame import CameraFrame
from molmoact2_ros.interfaces.joint_report import DriverReport
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import MessageInfo, report_from_msg, stamp_ns
from molmoact2_ros.ros.observation_conversions import COMPRESSED_TRANSPORT, frame_from_compressed, frame_from_image
from molmoact2_ros.ros.ros_start import init_ros, made_by_ros
from molmoact2_ros.ros.stop_flag import SIGNAL_POLL_S, StopFlag

from .evidence import Arrivals, CameraRecord, Evidence, StateRecord, TopicPeers

DISCOVERY_S = 6.0  # on a busy machine nodes take seconds to find each other
NODE_NAME = "molmoact2_doctor"
_GOAL_SERVICE, _GOAL_SUFFIX = "/_action/send_goal", "_SendGoal"
Note = tuple[int, int, int]  # ns: arrival by the steady clock, by ROS time; stamp


class Listener:
    """Subscribes as bridge and perception do, publishes nothing; all happens in the caller's thread."""

    def __init__(self, robot: Embodiment, driver: Driver, image_transport: str, remappings: Mapping[str, str]) -> None:
        """Join the domain of the environment and subscribe, in the namespace and by the names of the remappings."""
        self._stop_flag = StopFlag()
        try:
            init_ros(args=ros_arguments(remappings), signal_handler_options=SignalHandlerOptions.NO)
            self._node = made_by_ros(lambda: rclpy.create_node(NODE_NAME))
        except ValueError:
            self._leave()
            raise
        self._robot, self._driver = robot, driver
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        compressed = image_transport == COMPRESSED_TRANSPORT
        self._image_type: Any = CompressedImage if compressed else Image
        suffix = "/compressed" if compressed else ""
        self._image_topics = {camera.role: camera.topic + suffix for camera in robot.cameras}
        self._state_topics = list(dict.fromkeys(group.state_topic for group in driver.groups))
        self._notes: dict[str, list[Note]] = {}
        self._reports: dict[str, list[DriverReport]] = {}
        self._checksums: dict[str, list[int]] = {}
        self._newest: dict[str, tuple[CameraFrame, str]] = {}
        self._forget()
        self._subscribe()

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        self._leave()

    def _leave(self) -> None:
        rclpy.try_shutdown()
        self._stop_flag.restore()

    def find(self) -> None:
        """Receive until every topic has spoken, for 6 s at most."""
        deadline = time.monotonic() + DISCOVERY_S
        while not all(self._notes.values()) and time.monotonic() < deadline:
            self._stop_flag.raise_once()
            self._executor.spin_once(timeout_sec=SIGNAL_POLL_S)

    def listen(self, seconds: float, report_progress: Callable[[float], None]) -> Evidence:
        """Receive for some time and return what came.

        Args:
            seconds: how long.
            report_progress: called often with the seconds that have passed.
        """
        self._forget()
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            self._stop_flag.raise_once()
            self._executor.spin_once(timeout_sec=min(SIGNAL_POLL_S, seconds - passed))
            report_progress(passed)
        return self._evidence(time.monotonic_ns())

    def _forget(self) -> None:
        self._notes = {topic: [] for topic in (*self._state_topics, *self._image_topics.values())}
        self._reports = {topic: [] for topic in self._state_topics}
        self._checksums = {role: [] for role in self._image_topics}
        self._newest = {}

    def _subscribe(self) -> None:
        listen = self._node.create_subscription
        for topic in self._state_topics:
            # Deep, because every message must be counted; the bridge wants the newest ones alone.
            listen(JointState, topic, partial(self._on_state, topic), qos.to_record(qos.DRIVER_STATE))
        for role, topic in self._image_topics.items():
            listen(self._image_type, topic, partial(self._on_image, role), qos.CAMERA)

    # Callbacks, all in the executor's thread.

    def _on_state(self, topic: str, message: JointState, info: MessageInfo) -> None:
        self._note(topic, message)
        self._reports[topic].append(report_from_msg(message, info))

    def _on_image(self, role: str, message: Any) -> None:
        self._note(self._image_topics[role], message)
        unpack = frame_from_compressed if self._image_type is CompressedImage else frame_from_image
        frame = unpack(message, time.monotonic_ns())
        self._checksums[role].append(frame.checksum)
        self._newest[role] = frame, message.header.frame_id  # the others would be 30 MB a second

    def _note(self, topic: str, message: Any) -> None:
        now_ns = self._node.get_clock().now().nanoseconds
        self._notes[topic].append((time.monotonic_ns(), now_ns, stamp_ns(message.header.stamp)))

    # What was noted.

    def _evidence(self, until_ns: int) -> Evidence:
        groups = [group for driver in self._robot.drivers.values() for group in driver.groups]
        topics = {*self._notes, *(group.command_topic for group in groups)}
        publishers = {
            name: self._node.get_publishers_info_by_topic(name) for name, _ in self._node.get_topic_names_and_types()
        }
        return Evidence(
            rmw=get_rmw_implementation_identifier(),
            peers={topic: self._peers(topic) for topic in topics},
            published={name: _types(infos) for name, infos in publishers.items() if infos},
            states={
                topic: StateRecord(tuple(reports), self._arrivals(topic, until_ns))
                for topic, reports in self._reports.items()
            },
            cameras={role: self._camera(role, until_ns) for role in self._image_topics},
            image_topics=self._image_topics,
            image_type=f"sensor_msgs/msg/{self._image_type.__name__}",
        )

    def _camera(self, role: str, until_ns: int) -> CameraRecord:
        arrivals = self._arrivals(self._image_topics[role], until_ns)
        frame, frame_id = self._newest.get(role, (None, ""))
        return CameraRecord(arrivals, tuple(self._checksums[role]), frame, frame_id)

    def _arrivals(self, topic: str, until_ns: int) -> Arrivals:
        received_ns, arrived_ns, stamps_ns = np.array(self._notes[topic], dtype=np.int64).reshape(-1, 3).T
        return Arrivals(received_ns, arrived_ns, stamps_ns, until_ns)

    def _peers(self, topic: str) -> TopicPeers:
        name = self._node.resolve_topic_name(topic)
        publishers = self._node.get_publishers_info_by_topic(name)
        others = [info for info in self._node.get_subscriptions_info_by_topic(name) if info.node_name != NODE_NAME]
        services = dict(self._node.get_service_names_and_types())
        goal_types = services.get(name + _GOAL_SERVICE, [""])
        return TopicPeers(
            topic=topic,
            published_types=_types(publishers),
            publishers=tuple(_node_name(info) for info in publishers),
            subscribed_types=_types(others),
            subscribers=tuple(_node_name(info) for info in others),
            server=goal_types[0].removesuffix(_GOAL_SUFFIX),
        )


def _types(infos: Iterable[Any]) -> tuple[str, ...]:
    return tuple(sorted({info.topic_type for info in infos}))


def _node_name(info: Any) -> str:
    return f"{info.node_namespace.rstrip('/')}/{info.node_name}".removeprefix("/")
