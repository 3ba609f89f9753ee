# SPDX-License-Identifier: Apache-2.0
"""Record a run as an MCAP bag, with the message definitions inside, through the operator's own subscriptions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from molmoact2_ros.embodiment import share_folder
from molmoact2_ros.ros import qos

UNLIMITED = QosTime(2147483647, 4294967295)


@dataclass(frozen=True)
class Topic:
    """A topic to record."""

    name: str
    message: Any
    profile: QoSProfile


class BagRecorder:
    """Write every message of some topics, as it came over the wire, with the time at which it came."""

    def __init__(self, folder: Path, now_ns: Callable[[], int]) -> None:
        """Open the bag.

        Args:
            folder: must not exist.
            now_ns: clock of the receive times, nanoseconds.
        """
        self._typestore = _typestore()
        self._now_ns = now_ns
        self._writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self.messages = 0

    def record(self, listen: Callable[..., None], topics: Sequence[Topic]) -> None:
        """Subscribe to topics; `listen` is that of OperatorClient."""
        for topic in topics:
            name = _type_name(topic.message)
            connection = self._writer.add_connection(
                "/" + topic.name.lstrip("/"),
                name,
                typestore=self._typestore,
                offered_qos_profiles=[_bag_qos(topic.profile)],
            )
            write = functools.partial(self._write, connection)
            listen(topic.message, topic.name, qos.to_record(topic.profile), write, raw=True)

    def close(self) -> None:
        """Finish the bag."""
        self._writer.close()

    def _write(self, connection: Connection, data: bytes) -> None:
        self._writer.write(connection, self._now_ns(), data)
        self.messages += 1


def _typestore() -> Typestore:
    store = get_typestore(Stores.ROS2_JAZZY)
    for path in sorted((share_folder() / "msg").glob("*.msg")):
        store.register(get_types_from_msg(path.read_text(), f"molmoact2_ros/msg/{path.stem}"))
    return store


def _type_name(message: Any) -> str:
    return f"{message.__module__.split('.')[0]}/msg/{message.__name__}"


def _bag_qos(profile: QoSProfile) -> Qos:
    reliable = profile.reliability == ReliabilityPolicy.RELIABLE
    latched = profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=profile.depth,
        reliability=QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=UNLIMITED,
        lifespan=UNLIMITED,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=UNLIMITED,
        avoid_ros_namespace_conventions=False,
    )
