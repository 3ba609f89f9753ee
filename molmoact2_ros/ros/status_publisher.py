# SPDX-License-Identifier: Apache-2.0
"""A node's status as a topic: published when it changes, and at a heartbeat."""

from __future__ import annotations

from typing import Any

from rclpy.qos import QoSProfile

from molmoact2_ros.timing import NS_PER_S

from .lifecycle import Molmoact2Node


class StatusPublisher:
    """One status topic of a node. What makes two statuses different is up to the node: it gives a key of each."""

    def __init__(
        self,
        node: Molmoact2Node[Any],
        kind: Any,
        topic: str,
        profile: QoSProfile,
        *,
        heartbeat_hz: float,
        watch_hz: float,
    ) -> None:
        """Make the publisher.

        Args:
            node: owns it.
            kind: of the messages.
            topic: its name.
            profile: its quality of service.
            heartbeat_hz: the status is published at least this often.
            watch_hz: how often the node asks whether it is due.
        """
        self._node = node
        self._publisher = node.publisher(kind, topic, profile)
        # Half a watch period early: seen a moment too soon, a heartbeat would wait for the next one.
        self._silence_ns = round((1.0 / heartbeat_hz - 0.5 / watch_hz) * NS_PER_S)
        self._key: object = None
        self._published_ns = 0

    def changed(self, key: object) -> bool:
        """Return whether the status differs from the one that was published last."""
        return key != self._key

    def overdue(self) -> bool:
        """Return whether the heartbeat is due."""
        return self._node.steady_now_ns() - self._published_ns > self._silence_ns

    def publish(self, key: object, message: Any) -> None:
        """Publish a status, due or not."""
        self._publisher.publish(message)
        self._key, self._published_ns = key, self._node.steady_now_ns()
