# SPDX-License-Identifier: Apache-2.0
"""Lockstep between real nodes on real topics, in one process: the order of what they handle, and the time they have."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

rclpy = pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Int64

from molmoact2_ros.nodes.lockstep_clock import LockstepClock
from molmoact2_ros.ros.lockstep import START_NS, LockstepMember

pytestmark = pytest.mark.node

DOMAIN = 44
STEP_NS = 10_000_000
LIMIT_S = 60.0


class _Graph:
    """A simulator, a perception with two inputs, and an operator that counts steps."""

    def __init__(self) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.simulator, self.perception, self.operator = (
            self._node(name) for name in ("simulator", "perception", "operator")
        )
        self.handled: list[tuple[str, int, int]] = []
        self.seen: list[tuple[int, int]] = []
        self.member = LockstepMember(self.perception)
        for topic in ("left", "right"):
            self.member.subscription(Int64, topic, self._handler(topic))
        self.member.timer(0.02, lambda: self.handled.append(("timer", 0, self._step(self.member))))
        self.sums = self.member.publisher(Int64, "sum")
        self.watch = LockstepMember(self.operator)
        self.watch.subscription(Int64, "sum", lambda message: self.seen.append((message.data, self._step(self.watch))))
        self.clock = LockstepClock(self.simulator, ["perception", "operator"], STEP_NS / 1e9, self._advance)
        self.outputs = {topic: self.clock.publisher(Int64, topic) for topic in ("right", "left")}

    def _node(self, name: str) -> Node:
        node = rclpy.create_node(name, context=self.context)
        self.executor.add_node(node)
        return node

    def _handler(self, topic: str) -> Callable[[Int64], None]:
        def handle(message: Int64) -> None:
            self.handled.append((topic, message.data, self._step(self.member)))
            if topic == "right":
                self.sums.publish(Int64(data=message.data))

        return handle

    def _advance(self) -> None:
        for output in self.outputs.values():
            output.publish(Int64(data=self._step(self.clock)))

    @staticmethod
    def _step(of: LockstepMember | LockstepClock) -> int:
        return (of.now_ns - START_NS) // STEP_NS

    def run_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < deadline
            self.executor.spin_once(timeout_sec=0.05)

    def close(self) -> None:
        self.executor.shutdown()
        for node in (self.simulator, self.perception, self.operator):
            node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def graph() -> Iterator[_Graph]:
    graph = _Graph()
    yield graph
    graph.close()


def test_inputs_are_handled_in_the_order_of_subscription_at_the_step_of_their_publication(graph: _Graph) -> None:
    graph.run_until(lambda: len(graph.handled) >= 20)
    inputs = [each for each in graph.handled if each[0] != "timer"]
    assert inputs[:6] == [
        ("left", 1, 1), ("right", 1, 1), ("left", 2, 2), ("right", 2, 2), ("left", 3, 3), ("right", 3, 3)
    ]  # fmt: skip


def test_timer_fires_once_a_period_of_simulated_time_after_the_inputs_of_its_step(graph: _Graph) -> None:
    graph.run_until(lambda: len(graph.handled) >= 20)
    assert [step for kind, _, step in graph.handled if kind == "timer"][:3] == [2, 4, 6]
    index = graph.handled.index(("timer", 0, 2))
    assert graph.handled[index - 1] == ("right", 2, 2)


def test_what_a_node_publishes_is_handled_in_the_same_step_by_those_that_act_later(graph: _Graph) -> None:
    graph.run_until(lambda: len(graph.seen) >= 10)
    assert graph.seen[:3] == [(1, 1), (2, 2), (3, 3)]


def test_time_stands_still_while_one_node_does_not_answer(graph: _Graph) -> None:
    graph.run_until(lambda: len(graph.seen) >= 3)
    graph.executor.remove_node(graph.operator)
    for _ in range(50):
        graph.executor.spin_once(timeout_sec=0.01)
    stopped_ns = graph.clock.now_ns
    for _ in range(50):
        graph.executor.spin_once(timeout_sec=0.01)
    assert graph.clock.now_ns == stopped_ns
    graph.executor.add_node(graph.operator)
    graph.run_until(lambda: graph.clock.now_ns > stopped_ns + 5 * STEP_NS)


def test_steps_go_on_without_a_node_that_ended_once_the_operator_says_so(graph: _Graph) -> None:
    graph.run_until(lambda: len(graph.seen) >= 3)
    graph.executor.remove_node(graph.perception)
    graph.watch.report_ended("/perception")
    graph.watch.timer(0.01, lambda: None)
    step_ns = graph.clock.now_ns
    graph.run_until(lambda: graph.clock.now_ns > step_ns + 5 * STEP_NS)


def test_step_ends_when_a_service_that_was_called_in_it_has_answered(graph: _Graph) -> None:
    from std_srvs.srv import Trigger

    called, answered = [], []
    graph.simulator.create_service(Trigger, "do", lambda _request, response: response)
    client = graph.operator.create_client(Trigger, "do")
    graph.run_until(client.service_is_ready)

    def call() -> None:
        called.append(graph._step(graph.watch))
        future = client.call_async(Trigger.Request())
        future.add_done_callback(lambda _: answered.append(graph._step(graph.clock)))
        graph.watch.wait_for(future)

    graph.watch.timer(0.05, call)
    graph.run_until(lambda: len(answered) >= 3)
    assert answered == called[: len(answered)]
