# SPDX-License-Identifier: Apache-2.0
"""Stand between a policy and the rest of the graph, and corrupt what it publishes.

    in   action_chunk/honest    ActionChunk    reliable 1; the policy runs with action_chunk remapped to it
    out  action_chunk           ActionChunk    reliable 1

What is said instead is in `CorruptedChunks`.
"""

from __future__ import annotations

import math
import time
from collections import deque

from rclpy.clock import Clock, ClockType

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.msg import ActionChunk as ActionChunkMsg
from molmoact2_ros.operation.client import OperatorClient
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import chunk_from_msg, to_array, to_stamp
from molmoact2_ros.safety import CollisionChecker, Limits

from ..corrupted_chunks import CorruptedChunks
from ..fault import Action
from .way import Way

HONEST = "action_chunk/honest"
REMAPPING = {"action_chunk": HONEST}  # of the policy's process
PERIOD_S = 0.02  # between looks at what is held back


class ChunkRelay(Way):
    """Forward chunks while the client spins, as they are or corrupted."""

    def __init__(self, client: OperatorClient, embodiment: Embodiment) -> None:
        """Join the graph; nothing is corrupted yet. It takes a second: see `CorruptedChunks`."""
        self._client = client
        self._corrupted = CorruptedChunks(
            Limits.load(embodiment), CollisionChecker.load(embodiment), embodiment.pose("home")
        )
        self._waiting: deque[tuple[float, ActionChunkMsg]] = deque()  # steady seconds at which it is due
        self._publisher = client.node.create_publisher(ActionChunkMsg, "action_chunk", qos.CHUNK)
        client.listen(ActionChunkMsg, HONEST, qos.CHUNK, self._on_chunk)
        client.node.create_timer(PERIOD_S, self._publish_due, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def begin(self, action: Action) -> None:
        """Spoil chunks from now on.

        Raises:
            ValueError: an unknown kind; the sentence lists those known.
        """
        self._choose(action.argument)

    def end(self, _action: Action) -> None:
        """Hand on what comes, and forget what was held back."""
        self._choose("")

    def _choose(self, kind: str) -> None:
        self._corrupted.choose(kind)
        self._waiting.clear()

    def _on_chunk(self, message: ActionChunkMsg) -> None:
        now_ns = int(self._client.node.get_clock().now().nanoseconds)
        corrupted = self._corrupted.corrupt(chunk_from_msg(message), now_ns)
        message.header.stamp = to_stamp(corrupted.stamp_ns)
        message.step_s, message.horizon = corrupted.step_s, len(corrupted.positions)
        message.positions = to_array("d", corrupted.positions.astype("float64", copy=False))
        if math.isfinite(self._corrupted.hold_back_s):
            self._waiting.append((time.monotonic() + self._corrupted.hold_back_s, message))
        self._publish_due()

    def _publish_due(self) -> None:
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            self._publisher.publish(self._waiting.popleft()[1])
