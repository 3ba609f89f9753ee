# SPDX-License-Identifier: Apache-2.0
"""One node of this package, and one node around it that stands for all its neighbours, in one executor."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor

from molmoact2_ros.ros.lifecycle import Molmoact2Node


class AroundNode:
    """Start a node with parameters, and play what is around it until something has happened.

    Subclasses make publishers and subscriptions of `self.node`, and publish in `play`.
    """

    PATIENCE_S = 30.0  # bounds a wait that never ends; nothing is timed with it
    SPINS, SPIN_S = 8, 0.003  # of the executor, after each round

    def __init__(self, make: Callable[[], Molmoact2Node[Any]], **parameters: object) -> None:
        """Make both nodes; the one that is tested configures and activates itself unless `autostart` is false."""
        settings = [word for name, value in parameters.items() for word in ("-p", f"{name}:={_text(value)}")]
        rclpy.init(args=["--ros-args", *settings] if settings else None)
        self.make = make
        self.tested = make()
        self.started = self.tested.autostart()
        self.node = rclpy.create_node("neighbours")
        self.executor = SingleThreadedExecutor()
        for node in (self.node, self.tested):
            self.executor.add_node(node)

    def now_ns(self) -> int:
        """Return the present ROS time, nanoseconds."""
        return self.node.get_clock().now().nanoseconds

    def play(self) -> None:
        """Publish one round of what the neighbours publish."""

    def last(self) -> object:
        """Return what explains that a wait was in vain."""
        return self.tested.failure

    def spin(self) -> None:
        for _ in range(self.SPINS):
            self.executor.spin_once(timeout_sec=self.SPIN_S)

    def play_until(self, happened: Callable[[], object], step: Callable[[], object] | None = None) -> None:
        deadline = time.monotonic() + self.PATIENCE_S
        while not happened():
            assert time.monotonic() < deadline, f"waited in vain; last: {self.last()}"
            (step or self.play)()
            self.spin()

    def play_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self.play_until(lambda: time.monotonic() > until)

    def crash(self) -> None:
        """End the node without a transition, and start another one."""
        self.executor.remove_node(self.tested)
        self.tested.destroy_node()
        self.tested = self.make()
        self.started = self.tested.autostart()
        self.executor.add_node(self.tested)

    def destroy(self) -> None:
        self.executor.shutdown()
        if not self.tested.finalized:
            self.tested.trigger_shutdown()
        self.tested.destroy_node()
        self.node.destroy_node()
        self.__dict__.clear()  # pytest keeps the fixture; Ruckig complains when it outlives the process


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
