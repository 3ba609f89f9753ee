# SPDX-License-Identifier: Apache-2.0
"""The base of every node: lifecycle, parameters, diagnostics, start and stop, written once.

Subclasses fill hooks and never touch the lifecycle callbacks. A configure that fails says one sentence and, when the
node starts itself (`autostart`), ends the process with status 2. Any other exception ends the process with a traceback:
whatever dies upstream, safety stops the robot.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.signals import SignalHandlerOptions

from .parameters import declare_parameters, param, read_parameters
from .realtime import DEFAULT_PRIORITY, REMEDY, take_priority
from .ros_start import init_ros, made_by_ros
from .stop_flag import SIGNAL_POLL_S, StopFlag

Params = TypeVar("Params")
Report = tuple[str, bytes, str, dict[str, Any]]  # component, DiagnosticStatus level, message, values

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
DIAGNOSTICS_PERIOD_S = 1.0


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


class Molmoact2Node(LifecycleNode, Generic[Params]):
    """A lifecycle node whose parameters are a frozen dataclass. All callbacks run in the one executor thread."""

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
            for kind in (params_type, StartParams, *([RealtimeParams] if realtime else [])):
                declare_parameters(self, kind)
        except ValueError:
            self.destroy_node()
            raise
        self._params_type = params_type
        self._autostart = read_parameters(self, StartParams).autostart
        self._priority = read_parameters(self, RealtimeParams).realtime_priority if realtime else 0
        self.active = False
        self.failure = ""
        self._diagnostics: Publisher | None = None

    # Hooks, in the order they run.

    def _setup(self) -> None:
        """Build pure objects, then ROS entities. Raise ValueError or OSError with one sentence to fail configure."""

    def _activated(self) -> None:
        """Begin to work."""

    def _deactivating(self) -> None:
        """Stop what moves, first."""

    def _teardown(self) -> None:
        """Release what `_setup` made, in reverse order; tolerate a partial set-up."""

    def _report(self) -> list[Report]:
        """Return one entry per component for /diagnostics."""
        return []

    # What subclasses use.

    @cached_property
    def params(self) -> Params:
        """The parameters. They are read at the first use, in `_setup`: values that do not agree fail the configure."""
        return read_parameters(self, self._params_type)

    def ros_now_ns(self) -> int:
        """Return the present ROS time, nanoseconds."""
        return int(self.get_clock().now().nanoseconds)

    # Lifecycle callbacks, the same for every node.

    def on_configure(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Set up; a ValueError or OSError becomes `failure`."""
        try:
            self._setup()
        except (ValueError, OSError) as error:
            self.failure = str(error)
            self.get_logger().error(f"configure failed: {self.failure}")
            self._clean()
            return TransitionCallbackReturn.FAILURE
        except Exception:
            # rclpy would swallow it: keep the traceback, it is a mistake of ours.
            self.failure = f"unexpected error while configuring {self.get_name()}\n{traceback.format_exc()}"
            self.get_logger().fatal(self.failure)
            return TransitionCallbackReturn.ERROR
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._publish_diagnostics)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to work."""
        self.active = True
        self._activated()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop working."""
        self._deactivating()
        self.active = False
        return super().on_deactivate(state)

    def on_cleanup(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything."""
        self._clean()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Stop working and release everything."""
        if self.active:
            self._deactivating()
            self.active = False
        self._clean()
        return TransitionCallbackReturn.SUCCESS

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

    def _clean(self) -> None:
        self._teardown()
        for timer in list(self.timers):
            self.destroy_timer(timer)
        if self._diagnostics is not None:
            self.destroy_publisher(self._diagnostics)
            self._diagnostics = None

    def _hardware_id(self) -> str:
        """Return the robot's name, with the namespace in front where there is one."""
        robot = Path(getattr(self.params, "embodiment", "")).stem
        return f"{self.get_namespace()}/{robot}".strip("/")

    def _publish_diagnostics(self) -> None:
        if self._diagnostics is None:
            return
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        for component, level, text, values in self._report():
            # Two robots may share a domain: their statuses are told apart by the namespace.
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
        node.take_priority()  # now: to configure takes a second, for which the others shall not wait
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not stop.requested:
            executor.spin_once(timeout_sec=SIGNAL_POLL_S)
        node.trigger_shutdown()
        return 0
    finally:
        stop.ignore_more()
        node.destroy_node()
        rclpy.try_shutdown()
