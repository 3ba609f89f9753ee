# SPDX-License-Identifier: Apache-2.0
"""Topics on which operators and their devices publish, received from publishers of every quality of service.

DDS matches a reader with writers that offer at least what it asks for. A button on a microcontroller, `ros2 topic pub`
and a node with default settings offer less than transient local, and would not be received by a reader that asks for
it. Therefore there are two readers: one for what was published before this process started, one that asks for nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from rclpy.qos import QoSCompatibility, qos_check_compatible
from rclpy.subscription import Subscription

from . import qos
from .lifecycle import Molmoact2Node

REMEMBERED = 64  # publications; the two readers are never farther apart


class OperatorInput:
    """One topic, one callback: `callback(message, repeated)`.

    Each publication may come twice, once from each reader: `repeated` is true for the second. They come in order from
    one reader, not from both together, so that an older one may come after a newer one: whether that matters is for the
    callback to decide.
    """

    def __init__(self, node: Molmoact2Node[Any], kind: Any, topic: str, callback: Callable[[Any, bool], None]) -> None:
        """Subscribe."""
        self._node, self._callback = node, callback
        self._kind = f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
        self._seen: deque[int] = deque(maxlen=REMEMBERED)  # source times of publications
        self.published_ns = 0  # of the message that the callback is called with, by its publisher's clock; 0: unknown
        self.subscriptions: list[Subscription] = [
            node.subscription(kind, topic, self._on_message, profile)
            for profile in (qos.OPERATOR_LATCHED, qos.OPERATOR_ANY)
        ]

    @property
    def topic(self) -> str:
        """The topic's resolved name."""
        return str(self.subscriptions[0].topic_name)

    def unmatched(self) -> list[str]:
        """Return a sentence for each publisher that is listed and that neither reader receives."""
        sentences = []
        for info in self._node.get_publishers_info_by_topic(self.topic):
            if info.topic_type != self._kind:
                sentences.append(
                    f"'{self.topic}' is published by {info.node_name} as {info.topic_type}, expected {self._kind}: its "
                    "messages are not received"
                )
            elif not any(self._matches(info.qos_profile, each) for each in self.subscriptions):
                sentences.append(
                    f"'{self.topic}' is published by {info.node_name} with a quality of service that no reader "
                    "matches: its messages are not received"
                )
        return sentences

    @staticmethod
    def _matches(offered: Any, subscription: Subscription) -> bool:
        compatibility, _ = qos_check_compatible(offered, subscription.qos_profile)
        return bool(compatibility != QoSCompatibility.ERROR)

    def _on_message(self, message: Any, info: dict[str, Any]) -> None:
        source_ns = self.published_ns = int(info.get("source_timestamp", 0))
        repeated = source_ns > 0 and source_ns in self._seen
        if not repeated:
            self._seen.append(source_ns)
        self._callback(message, repeated)
