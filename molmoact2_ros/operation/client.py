# SPDX-License-Identifier: Apache-2.0
"""An operator's view of a running graph: what it says of itself, and the three things an operator may ask of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Any

import numpy as np
import rclpy
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from std_srvs.srv import Trigger

from molmoact2_ros.bringup.graph import NODE_NAMES
from molmoact2_ros.bringup.ros_environment import ros_arguments
from molmoact2_ros.msg import ActionChunk, BridgeState, PerceptionStatus, RobotState, SafetyState, TaskStatus
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.lockstep import LockstepMember
from molmoact2_ros.ros.ros_start import init_ros, made_by_ros
from molmoact2_ros.ros.stop_flag import SIGNAL_POLL_S, StopFlag
from molmoact2_ros.srv import Instruct

DISCOVERY_S = 2.5  # by then nodes on this machine have found each other, most of the time
REPLY_S = 10.0  # on a busy machine nodes take seconds to find each other
STANDSTILL_RAD_S = 0.02
STATE_AGE_NS = 200_000_000  # an older state says nothing about the present
# Topics that nodes other than those of the graph publish on, too: in lockstep, they are received as they come.
SHARED_TOPICS = ("diagnostics", "instruction", "estop")

MODES = {
    SafetyState.DISARMED: "disarmed",
    SafetyState.ARMED: "armed",
    SafetyState.STOPPING: "stopping",
    SafetyState.STOPPED: "stopped",
}
TASK_STATES = {
    TaskStatus.NONE: "no instruction",
    TaskStatus.HOMING: "moving home",
    TaskStatus.RUNNING: "task running",
    TaskStatus.ENDED: "task ended",
    TaskStatus.INSTRUCTED: "instructed, no task",
}
BRIDGE_MODES = {
    BridgeState.WAITING: "waiting",
    BridgeState.READY: "ready",
    BridgeState.EXECUTING: "executing",
    BridgeState.HOLDING: "holding",
}


def cause_name(cause: int, kind: type = SafetyState) -> str:
    """Return a cause of SafetyState, or of BridgeState as `kind`, in words, e.g. `velocity limit`."""
    for name in dir(kind):
        if name.startswith("CAUSE_") and getattr(kind, name) == cause:
            return name.removeprefix("CAUSE_").replace("_", " ").lower()
    return f"cause {cause}"


def refuse_others(names: list[str]) -> None:
    """Raise ValueError when nodes that are not ours to run are named."""
    if names:
        raise ValueError(
            f"another graph runs in this ROS domain: {', '.join(sorted(set(names)))}; stop it, or give this one a "
            "domain of its own with --domain-id, or a namespace with --namespace"
        )


class _Topic:
    """Who listens to one topic."""

    def __init__(self, kind: Any, profile: QoSProfile) -> None:
        self.profile = profile
        self.subscription: Subscription | None = None
        self.raw: list[Callable[[bytes], None]] = []
        self.plain: list[Callable[[Any], None]] = []
        self._kind = kind

    def take(self, data: bytes) -> None:
        """Hand a message on; it is unpacked once, if a callback wants that."""
        for callback in self.raw:
            callback(data)
        if self.plain:
            message = deserialize_message(data, self._kind)
            for callback in self.plain:
                callback(message)


class OperatorClient:
    """Subscribe to what the graph says; nothing runs but in `spin_for` and `wait_for`, in the caller's thread.

    SIGINT, SIGTERM and SIGHUP become a KeyboardInterrupt of these two, raised once, between two messages: what follows,
    such as to stop the arm, is interrupted by no other.
    """

    def __init__(
        self,
        name: str = "molmoact2_operator",
        remappings: Mapping[str, str] | None = None,
        *,
        lockstep: bool = False,
    ) -> None:
        """Join the domain of the environment, in the namespace and by the names of the remappings.

        With `lockstep` this node acts in the phases of a simulator in lockstep, which waits for it: the callbacks of
        `listen` run in its phase, in which `member` has the time.
        """
        # Ctrl-C is the caller's, who may have an arm to stop: rclpy's handler would shut the context under its hands.
        arguments = ros_arguments(remappings or {})
        self._stop_flag = StopFlag()
        try:
            init_ros(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
            self.node = made_by_ros(lambda: rclpy.create_node(name))
        except ValueError:
            self._leave()
            raise
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.member = LockstepMember(self.node) if lockstep else None
        self.safety: SafetyState | None = None
        self.bridge: BridgeState | None = None
        self.perception: PerceptionStatus | None = None
        self.robot: RobotState | None = None
        self.chunk: ActionChunk | None = None
        self.task: TaskStatus | None = None
        self._robot_at_ns = 0  # by `now_ns`
        self.may_have_armed = False  # ~/arm was called, and not refused so far
        self._topics: dict[str, _Topic] = {}
        self._clients: dict[str, Any] = {}  # of services called in lockstep
        self.listen(SafetyState, "safety_state", qos.LATCHED, self._on_safety)
        self.listen(BridgeState, "bridge_state", qos.LATCHED, self._on_bridge)
        self.listen(PerceptionStatus, "perception_status", qos.STATUS, self._on_perception)
        self.listen(RobotState, "robot_state", qos.STATE, self._on_robot)
        self.listen(ActionChunk, "action_chunk", qos.CHUNK, self._on_chunk)
        self.listen(TaskStatus, "task_status", qos.LATCHED, self._on_task)

    def __enter__(self) -> OperatorClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_flag.ignore_more()
        self._executor.shutdown()
        self.node.destroy_node()
        self._leave()

    def _leave(self) -> None:
        rclpy.try_shutdown()
        self._stop_flag.restore()

    def listen(
        self, kind: Any, topic: str, profile: QoSProfile, callback: Callable[[Any], None], *, raw: bool = False
    ) -> None:
        """Call back for every message of a topic while the client spins, with its bytes if `raw`.

        Those who listen to the same topic share one subscription, the deepest that any of them asks for: each message
        wakes this process once.
        """
        entry = self._topics.setdefault(topic, _Topic(kind, profile))
        (entry.raw if raw else entry.plain).append(callback)
        if self.member is not None and topic.lstrip("/") not in SHARED_TOPICS:
            entry.subscription = entry.subscription or self.member.subscription(kind, topic, entry.take, raw=True)
            return
        if entry.subscription is not None:
            self.node.destroy_subscription(entry.subscription)
        if profile.depth > entry.profile.depth:
            entry.profile = profile
        # Without rclpy's watch on the publishers' QoS: with thirty topics it would be most of what is waited for.
        unwatched = SubscriptionEventCallbacks(use_default_callbacks=False)
        entry.subscription = self.node.create_subscription(
            kind, topic, entry.take, entry.profile, event_callbacks=unwatched, raw=True
        )

    def now_ns(self) -> int:
        """Return the present time of the graph, nanoseconds."""
        return int(self.node.get_clock().now().nanoseconds) if self.member is None else self.member.now_ns

    def call_in_phase(self, node: str, what: str, answered: Callable[[bool, str], None]) -> None:
        """Call a Trigger service of a node at this step of lockstep; the step ends when it has answered."""
        assert self.member is not None
        self.may_have_armed = self.may_have_armed or what == "arm"
        client = self._clients.setdefault(f"{node}/{what}", self.node.create_client(Trigger, f"{node}/{what}"))
        if not client.service_is_ready():
            answered(False, f"no {node} node answers in this domain")
            return
        future = client.call_async(Trigger.Request())
        future.add_done_callback(lambda done: answered(bool(done.result().success), str(done.result().message)))
        self.member.wait_for(future)

    def spin_for(self, seconds: float) -> None:
        """Receive for a while."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._spin(left)
        self._stop_flag.raise_once()

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Receive until a condition holds, at most `seconds`; return whether it does."""
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._spin(left)
        return True

    def finish_uninterrupted(self) -> None:
        """Let no signal interrupt what follows: the arm is stopped, and its nodes are ended, first."""
        self._stop_flag.raise_no_more()

    def _spin(self, seconds: float) -> None:
        """Take what comes next; raise KeyboardInterrupt if a signal came, never from within what is taken."""
        self._stop_flag.raise_once()
        self._executor.spin_once(timeout_sec=min(seconds, SIGNAL_POLL_S))

    def nodes_of_ours(self) -> list[str]:
        """Return the names of this package's nodes, after time for discovery; twice if there are two."""
        self.spin_for(DISCOVERY_S)
        return self.nodes_now()

    def require_free_domain(self, names: Collection[str] = NODE_NAMES) -> None:
        """Raise ValueError when nodes of these names are in the domain and the namespace already."""
        refuse_others([name for name in self.nodes_of_ours() if name in names])

    def nodes_now(self) -> list[str]:
        """Return the names of this package's nodes in the namespace that have been discovered by now."""
        here = self.node.get_namespace()
        found = self.node.get_node_names_and_namespaces()
        return sorted(name for name, namespace in found if name in NODE_NAMES and namespace == here)

    def other_namespaces(self) -> list[str]:
        """Return the other namespaces in which a safety of this package's name has been discovered."""
        found = self.node.get_node_names_and_namespaces()
        here = self.node.get_namespace()
        return sorted({namespace for name, namespace in found if name == "safety" and namespace != here})

    @property
    def has_received_all(self) -> bool:
        """Whether safety, bridge, perception and policy have all spoken."""
        return None not in (self.safety, self.bridge, self.perception, self.chunk)

    def ask_safety(self, what: str) -> tuple[bool, str]:
        """Call `arm`, `stop` or `reset` of the safety node; return its answer and its words."""
        self.may_have_armed = self.may_have_armed or what == "arm"
        done, words = self.ask("safety", what)
        if what == "arm":
            self.may_have_armed = done
        return done, words

    def ask(self, node: str, what: str) -> tuple[bool, str]:
        """Call a service `what` of a node that takes no arguments; return its answer and its words."""
        client = self.node.create_client(Trigger, f"{node}/{what}")
        try:
            if not self.wait_for(client.service_is_ready, REPLY_S):
                return False, f"no {node} node answers in this domain"
            future = client.call_async(Trigger.Request())
            if not self.wait_for(future.done, REPLY_S):
                return False, f"the {node} node did not answer within {REPLY_S:.0f} s"
            reply = future.result()
            return bool(reply.success), str(reply.message)
        finally:
            self.node.destroy_client(client)

    def instruct(self, text: str) -> tuple[bool, str]:
        """Give the policy an instruction by the task node; return whether it is taken, and why not.

        By a service, not by the topic, which has no answer.
        """
        client = self.node.create_client(Instruct, "task/instruct")
        try:
            if not self.wait_for(client.service_is_ready, REPLY_S):
                return False, "no task node answers in this domain"
            future = client.call_async(Instruct.Request(instruction=text))
            if not self.wait_for(future.done, REPLY_S):
                return False, f"the task node did not answer within {REPLY_S:.0f} s"
            reply = future.result()
            return bool(reply.success), str(reply.message)
        finally:
            self.node.destroy_client(client)

    @property
    def stands_still(self) -> bool:
        """Whether the robot is measured, just now, to stand still."""
        fresh = self.now_ns() - self._robot_at_ns < STATE_AGE_NS
        return fresh and self.robot is not None and bool(np.all(np.abs(self.robot.velocities) < STANDSTILL_RAD_S))

    def _on_safety(self, message: SafetyState) -> None:
        self.safety = message

    def _on_bridge(self, message: BridgeState) -> None:
        self.bridge = message

    def _on_perception(self, message: PerceptionStatus) -> None:
        self.perception = message

    def _on_robot(self, message: RobotState) -> None:
        self.robot, self._robot_at_ns = message, self.now_ns()

    def _on_chunk(self, message: ActionChunk) -> None:
        self.chunk = message

    def _on_task(self, message: TaskStatus) -> None:
        self.task = message
