# SPDX-License-Identifier: Apache-2.0
"""Listen where a driver says that its robot is in a fault. What that means is in the bridge's room."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.serialization import deserialize_message

from molmoact2_ros.bridge import DriverStatus, FrankaFault, RobotFaults, diagnostic_faults
from molmoact2_ros.embodiment import FRANKA_STATE, Driver, FaultSource
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.lifecycle import Molmoact2Node
from molmoact2_ros.schema import quoted
from molmoact2_ros.timing import RateLimiter

FRANKA_RATE_HZ = 50.0  # of 1000: each is a large message


class FaultListeners:
    """Subscriptions of all fault sources of a driver profile. `faults` is what they said, `missing` why some cannot."""

    def __init__(self, node: Molmoact2Node[Any], driver: Driver) -> None:
        self._node = node
        self.faults = RobotFaults(driver.faults)
        self.missing = ""
        for source in driver.faults:
            if source.kind == FRANKA_STATE:
                self._listen_to_franka(source)
            else:
                callback = partial(self._on_diagnostics, source)
                node.subscription(DiagnosticArray, source.topic, callback, qos.DIAGNOSTICS)

    @property
    def warning(self) -> str:
        """Say which faults would go unnoticed, and why; empty when none would."""
        silent = sorted(
            {source.topic for source in self.faults.not_received if source.kind != FRANKA_STATE or not self.missing}
        )
        not_received = f"nothing about faults has come on {', '.join(silent)} yet" if silent else ""
        return "; ".join(text for text in (self.missing, not_received) if text)

    def _listen_to_franka(self, source: FaultSource) -> None:
        try:
            # By name: the package comes with its driver, not from an index.
            kind = import_module("franka_msgs.msg").FrankaRobotState
        except ImportError:
            self.missing = (
                f"{source.topic} carries franka_msgs, which is not installed: reflexes and user stop are not reported "
                "by name; install franka_ros2 where the bridge runs"
            )
            return
        callback = partial(self._on_franka, source, kind, FrankaFault(), RateLimiter(FRANKA_RATE_HZ))
        # Raw: most of them are never unpacked.
        self._node.subscription(kind, source.topic, callback, qos.DRIVER_STATE, raw=True)

    def _on_diagnostics(self, source: FaultSource, message: DiagnosticArray) -> None:
        self.faults.take(source, diagnostic_faults(source, [status_from_msg(status) for status in message.status]))

    def _on_franka(self, source: FaultSource, kind: type, fault: FrankaFault, limiter: RateLimiter, raw: bytes) -> None:
        if limiter.allows(self._node.steady_now_ns()):
            state = deserialize_message(raw, kind)
            self.faults.take(source, {source.topic: fault.assess(state.robot_mode, flags_set(state.current_errors))})


def status_from_msg(message: Any) -> DriverStatus:
    """Unpack a DiagnosticStatus."""
    values = {entry.key: entry.value for entry in message.values}
    return DriverStatus(message.name, int.from_bytes(message.level, "little"), quoted(message.message), values)


def flags_set(message: Any) -> list[str]:
    """Return the names of the boolean fields of a message that are true."""
    fields = message.get_fields_and_field_types()
    return [name for name, kind in fields.items() if kind == "boolean" and getattr(message, name)]
