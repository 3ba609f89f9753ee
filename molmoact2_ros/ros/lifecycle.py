# SPDX-License-Identifier: Apache-2.0
"""The base of every node: lifecycle, parameters, diagnostics, start and stop, written once.

Subclasses fill hooks and never touch the lifecycle callbacks. A configure that fails says one sentence and, when the
node starts itself (`autostart`), ends the process with status 2. Any other exception in a transition is logged with its
traceback, releases everything and leaves the node unconfigured. An exception outside of transitions ends the process
with a traceback: whatever dies upstream, safety stops the robot.
"""

from __future__ import annotations

import secrets
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.client import Client
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.guard_condition import GuardCondition
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.service import Service
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from rclpy.task import Future

from molmoact2_ros.schema import param

from . import qos
from .conversions import to_stamp
from .lockstep import LockstepInputs, LockstepMember
from .parameters import declare_parameters, read_parameters
from .realtime import DEFAULT_PRIORITY, REMEDY, take_priority
from .ros_start import init_ros, made_by_ros
from .stop_flag import SIGNAL_POLL_S, StopFlag

Params = TypeVar("Params")
Report = tuple[str, bytes, str, dict[str, Any]]  # component, DiagnosticStatus level, message, values

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
DIAGNOSTICS_PERIOD_S = 1.0
CLOCK_TOPIC = "/clock"


@dataclass(frozen=True)
class StartParams:
    """Parameters of every node."""

    autostart: bool = param(True, "Configure and activate at once; false: wait for a lifecycle manager")


@dataclass(frozen=True)
class RealtimeParams:
    """Parameters of the nodes that commands pass through."""

    realtime_priority: int = param(
        DEFAULT_PRIORITY,
        "Priority of this process under the scheduler's first-in first-out class, if the user may take it; 0: none",
        low=0,
        high=99,
    )


@dataclass(frozen=True)
class LockstepParams:
    """Parameters of every node about simulated time that waits for it."""

    lockstep: bool = param(
        False,
        "With a simulator in lockstep: act when it says so; ages and time-outs follow its time alone",
    )


class Molmoact2Node(LifecycleNode, Generic[Params]):
    """A lifecycle node whose parameters are a frozen dataclass. All callbacks run in the one executor thread.

    The node owns what it makes between configure and cleanup: every entity of ROS, and on `owned` what else must be
    closed (threads, action servers and clients). Cleanup, shutdown and every error release all of it; no node and no
    part of one destroys an entity by hand.
    """

    def __init__(self, name: str, params_type: type[Params], *, realtime: bool = False) -> None:
        """Declare the parameters.

        Args:
            name: of the node.
            params_type: the dataclass.
            realtime: whether as a process it takes real-time priority, with all threads that it starts.

        Raises:
            ValueError: a parameter has the wrong type or lies outside its range.
        """
        super().__init__(name)
        try:
            for kind in (params_type, StartParams, LockstepParams, *([RealtimeParams] if realtime else [])):
                declare_parameters(self, kind)
        except ValueError:
            self.destroy_node()
            raise
        self._params_type = params_type
        self._autostart = read_parameters(self, StartParams).autostart
        self.lockstep = read_parameters(self, LockstepParams).lockstep
        self._priority = read_parameters(self, RealtimeParams).realtime_priority if realtime else 0
        self.configured = self.active = self.finalized = False
        self.failure = ""
        self.instance_id = 0  # from configure to cleanup: distinguishes this run of the node from the one before
        self.owned = ExitStack()  # closed in reverse order, before the entities are destroyed
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.inputs: LockstepInputs | None = None  # with lockstep, from configure to cleanup
        self._permanent = [entity for entities, _ in self._kinds() for entity in entities]  # those of rclpy

    # Hooks, in the order they run.

    def _setup(self) -> None:
        """Build pure objects, then ROS entities. Raise ValueError or OSError with one sentence to fail configure."""

    def _activated(self) -> None:
        """Begin to work."""

    def _deactivating(self) -> None:
        """Stop what moves, first."""

    def _report(self) -> list[Report]:
        """Return one entry per component for /diagnostics."""
        return []

    def _join_lockstep(self) -> LockstepInputs:
        """Return this node's part in lockstep."""
        return LockstepMember(self, lambda: self.active and self._is_ready_for_lockstep())

    def _is_ready_for_lockstep(self) -> bool:
        """Return whether the first step may begin, as far as this node is concerned."""
        return True

    # What subclasses and their parts use. All entities are made here: one place to change for all nodes.

    def publisher(self, kind: Any, topic: str, profile: QoSProfile | int) -> Publisher:
        """Make a publisher of messages of a kind."""
        if self.inputs is None or qos.is_shared(profile):
            return self.create_publisher(kind, topic, profile)
        return self.inputs.publisher(kind, topic)

    def subscription(
        self, kind: Any, topic: str, callback: Callable[..., None], profile: QoSProfile | int, *, raw: bool = False
    ) -> Subscription:
        """Subscribe; with `raw` the callback takes serialized messages."""
        if self.inputs is None or qos.is_shared(profile):
            return self.create_subscription(kind, topic, callback, profile, raw=raw)
        return self.inputs.subscription(kind, topic, callback, raw=raw)

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription that is not needed until cleanup."""
        if self.inputs is not None:
            self.inputs.forget(subscription)
        self.destroy_subscription(subscription)

    def service(self, kind: Any, name: str, callback: Callable[[Any, Any], Any], *, awaits: bool = False) -> Service:
        """Offer a service; the callback takes request and response, and returns the response.

        One that awaits needs a callback group of its own: in that of the node, no other callback runs meanwhile, not
        even that of the answer which is awaited.
        """
        return self.create_service(kind, name, callback, callback_group=ReentrantCallbackGroup() if awaits else None)

    def client(self, kind: Any, name: str) -> Client:
        """Make a client of a service."""
        return self.create_client(kind, name)

    def guard(self, callback: Callable[[], None]) -> GuardCondition:
        """Make a guard condition: another thread triggers it, the callback runs in the executor's thread."""
        return self.create_guard_condition(callback)

    def steady_timer(self, period_s: float, callback: Callable[[], None]) -> None:
        """Call back periodically, on the steady clock: simulated time stands still when the simulator ends."""
        if self.inputs is None:
            self.create_timer(period_s, callback, clock=self._steady)
        else:
            self.inputs.timer(period_s, callback)

    def steady_now_ns(self) -> int:
        """Return the present time of the steady clock, nanoseconds; in lockstep that of the step."""
        return time.monotonic_ns() if self.inputs is None else self.inputs.now_ns

    def steady_now_s(self) -> float:
        """Return the present time of the steady clock, seconds; in lockstep that of the step."""
        return self.steady_now_ns() * 1e-9

    def finish_in_step(self, future: Future) -> None:
        """In lockstep, let the present step last until a future is done."""
        if isinstance(self.inputs, LockstepMember):
            self.inputs.wait_for(future)

    @cached_property
    def params(self) -> Params:
        """The parameters. They are read at the first use, in `_setup`: values that do not agree fail the configure."""
        return read_parameters(self, self._params_type)

    def ros_now_ns(self) -> int:
        """Return the present ROS time, nanoseconds; in lockstep that of the step."""
        return int(self.get_clock().now().nanoseconds) if self.inputs is None else self.inputs.now_ns

    def publishers_of(self, topic: str) -> list[str]:
        """Return the names of the nodes that publish on a topic, one for each publisher, sorted."""
        return sorted(info.node_name for info in self.get_publishers_info_by_topic(topic))

    # Lifecycle callbacks, the same for every node. An exception ends in `on_error`, and that in the state unconfigured.

    def on_configure(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Set up; a ValueError or OSError becomes `failure`, and the node stays unconfigured."""
        try:
            return self._guarded("configuring", self._configure, expected=(ValueError, OSError))
        except (ValueError, OSError) as error:
            self.failure = str(error)
        self.get_logger().error(f"configure failed: {self.failure}")
        cleaned = self._guarded("cleaning up", self._clean)
        return TransitionCallbackReturn.FAILURE if cleaned == TransitionCallbackReturn.SUCCESS else cleaned

    def on_activate(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to work."""
        return self._guarded("activating", self._activate)

    def on_deactivate(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Stop working."""
        return self._guarded("deactivating", self._deactivate)

    def on_cleanup(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything."""
        return self._guarded("cleaning up", self._clean)

    def on_shutdown(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Stop working and release everything; whatever fails, the node is finalized."""
        self.finalized = True
        return TransitionCallbackReturn.SUCCESS if self._release() else TransitionCallbackReturn.FAILURE

    def on_error(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Stop working and release everything after an exception: the node is unconfigured, and may be configured."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def _guarded(
        self, what: str, step: Callable[[], None], *, expected: tuple[type[Exception], ...] = ()
    ) -> TransitionCallbackReturn:
        """Run a step of a transition; log an exception that is not expected with its traceback, which rclpy omits."""
        try:
            step()
        except expected:
            raise
        except Exception:
            self.failure = f"unexpected error while {what} {self.get_name()}\n{traceback.format_exc()}"
            self.get_logger().fatal(self.failure)
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        self.instance_id = secrets.randbits(63) + 1
        self.inputs = self._join_lockstep() if self.lockstep else None
        self._setup()
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._publish_diagnostics)
        self.configured = True

    def _activate(self) -> None:
        self.active = True
        self._activated()

    def _deactivate(self) -> None:
        try:
            self._deactivating()
        finally:
            self.active = False

    def _release(self) -> bool:
        """Deactivate if active, and clean up in any case; return whether both went well."""
        steps = [self._guarded("deactivating", self._deactivate)] if self.active else []
        steps.append(self._guarded("cleaning up", self._clean))
        return all(each == TransitionCallbackReturn.SUCCESS for each in steps)

    def _clean(self) -> None:
        """Close what is owned, then destroy all entities but those of rclpy; a failure does not stop the rest.

        Raises:
            Exception: the last failure, once everything is done.
        """
        self.configured, self.inputs = False, None
        with ExitStack() as steps:  # runs them in reverse order
            steps.callback(self._destroy_entities)
            steps.push(self.owned.pop_all())

    def _destroy_entities(self) -> None:
        with ExitStack() as steps:
            for entities, destroy in self._kinds():
                for entity in entities:
                    if not any(entity is permanent for permanent in self._permanent):
                        steps.callback(destroy, entity)

    def _kinds(self) -> list[tuple[list[Any], Callable[[Any], Any]]]:
        """Return the entities of each kind that this node has, with what destroys one."""
        # rclpy subscribes to the clock when use_sim_time is set, and never again.
        subscriptions = [each for each in self.subscriptions if each.topic_name != CLOCK_TOPIC]
        return [
            (list(self.publishers), self.destroy_publisher),
            (list(self.guards), self.destroy_guard_condition),
            (list(self.clients), self.destroy_client),
            (list(self.services), self.destroy_service),
            (subscriptions, self.destroy_subscription),
            (list(self.timers), self.destroy_timer),
        ]

    # What a process does with its node.

    def autostart(self) -> bool:
        """Configure and activate if the `autostart` parameter says so; return False when that failed."""
        if not self._autostart:
            return True
        if self.trigger_configure() != TransitionCallbackReturn.SUCCESS:
            return False
        return bool(self.trigger_activate() == TransitionCallbackReturn.SUCCESS)

    def take_priority(self) -> None:
        """Give this process the real-time priority that its parameter asks for, and say so if it cannot be had."""
        if self._priority and (problem := take_priority(self._priority)):
            self.get_logger().info(f"no real-time priority, {problem}: {REMEDY}")

    # Diagnostics.

    def _hardware_id(self) -> str:
        """Return the robot's name, with the namespace in front where there is one."""
        robot = Path(getattr(self.params, "embodiment", "")).stem
        return f"{self.get_namespace()}/{robot}".strip("/")

    def _publish_diagnostics(self) -> None:
        message = DiagnosticArray()
        message.header.stamp = to_stamp(self.ros_now_ns())
        for component, level, text, values in self._report():
            # Two robots may share a domain: the namespace distinguishes their statuses.
            name = f"{self.get_fully_qualified_name().lstrip('/')}: {component}"
            status = DiagnosticStatus(name=name, level=level, message=text, hardware_id=self._hardware_id())
            status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
            message.status.append(status)
        self._diagnostics.publish(message)


def run(make_node: Callable[[], Molmoact2Node[Any]]) -> int:
    """Run one node as a process.

    Returns:
        Exit status: 0 after SIGINT, SIGTERM or SIGHUP, 2 when ROS cannot start, a parameter or the configure step is
        wrong.
    """
    stop = StopFlag()
    try:
        init_ros(signal_handler_options=SignalHandlerOptions.NO)
        node = made_by_ros(make_node)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 2
    try:
        if not node.autostart():
            print(f"error: {node.failure}", file=sys.stderr)
            return 2
        node.take_priority()  # now: to configure takes a second, for which the others must not wait
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not stop.requested:
            executor.spin_once(timeout_sec=SIGNAL_POLL_S)
        if not node.finalized:  # by a lifecycle manager
            node.trigger_shutdown()
        return 0
    finally:
        stop.ignore_more()
        node.destroy_node()
        rclpy.try_shutdown()
