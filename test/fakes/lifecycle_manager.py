# SPDX-License-Identifier: Apache-2.0
"""A lifecycle manager outside of the node: it knows the node's services only."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import Executor
from rclpy.node import Node

KINDS = ("publishers", "subscriptions", "services", "clients", "timers", "guards", "waitables")
DEADLINE_S = 60.0  # of one transition: a policy loads its model
CYCLE = ("configure", "activate", "deactivate", "cleanup")


class LifecycleManager:
    """Change a node's state by its services, while an executor runs its callbacks."""

    def __init__(self, node: str, executor: Executor) -> None:
        self._node, self._executor = rclpy.create_node("lifecycle_manager"), executor
        executor.add_node(self._node)
        self._change = self._node.create_client(ChangeState, f"{node}/change_state")
        self._get = self._node.create_client(GetState, f"{node}/get_state")

    def change(self, transition: str) -> bool:
        """Ask for a transition; return whether it succeeded."""
        request = ChangeState.Request()
        request.transition.label = transition
        return self._call(self._change, request).success

    def state(self) -> str:
        """Return the label of the node's state."""
        return self._call(self._get, GetState.Request()).current_state.label

    def close(self) -> None:
        self._executor.remove_node(self._node)
        self._node.destroy_node()

    def _call(self, client: Any, request: Any) -> Any:
        assert client.wait_for_service(timeout_sec=DEADLINE_S), client.srv_name
        future = client.call_async(request)
        self._executor.spin_until_future_complete(future, timeout_sec=DEADLINE_S)
        assert future.done(), f"no answer of {client.srv_name}"
        return future.result()


@contextmanager
def lifecycle_manager(node: Node, executor: Executor) -> Iterator[LifecycleManager]:
    """Make a manager of a node, for a while."""
    manager = LifecycleManager(node.get_fully_qualified_name(), executor)
    try:
        yield manager
    finally:
        manager.close()


def belongings(node: Node) -> dict[str, int]:
    """Count the entities of a node, by kind, and the threads of this process."""
    return {kind: len(list(getattr(node, kind))) for kind in KINDS} | {"threads": threading.active_count()}


def repeat_life_cycle(node: Node, executor: Executor, cycles: int = 20) -> None:
    """Let a manager take an unconfigured node through its life cycle, check what it keeps, and activate it."""
    unconfigured, active = belongings(node), {}
    with lifecycle_manager(node, executor) as manager:
        for _ in range(cycles):
            assert manager.change("configure")
            assert manager.change("activate")
            active = active or belongings(node)
            assert belongings(node) == active
            assert manager.change("deactivate")
            assert manager.change("cleanup")
            assert belongings(node) == unconfigured
        assert manager.change("configure")
        assert manager.change("activate")
    for topic, count in Counter(publisher.topic_name for publisher in node.publishers).items():
        names = [info.node_name for info in node.get_publishers_info_by_topic(topic)]
        assert names.count(node.get_name()) == count, topic  # in the graph, not more than the node has
