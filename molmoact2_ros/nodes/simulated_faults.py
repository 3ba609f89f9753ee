# SPDX-License-Identifier: Apache-2.0
"""What a robot's drivers say of its faults in /diagnostics, simulated."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from molmoact2_ros.bridge import COMPONENTS_STATUS
from molmoact2_ros.bridge.robot_faults import STATE_KEY
from molmoact2_ros.embodiment import DIAGNOSTICS, HARDWARE_COMPONENTS, Driver, FaultSource
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import to_stamp
from molmoact2_ros.ros.lifecycle import Molmoact2Node
from molmoact2_ros.sim import SimulationError
from molmoact2_ros.timing import VariableRateLimiter

RATE_HZ = 1.0  # that of diagnostic_updater, which controller_manager uses
MANAGER_STATUS = f"controller_manager: {COMPONENTS_STATUS}"


class SimulatedFaults:
    """Publish on every fault source that is a topic of diagnostics; the others need messages of their drivers."""

    def __init__(self, node: Molmoact2Node[Any], driver: Driver) -> None:
        self._driver, self._fault = driver, ""
        self._sources = [source for source in driver.faults if source.kind in (HARDWARE_COMPONENTS, DIAGNOSTICS)]
        self._publishers = [
            node.publisher(DiagnosticArray, source.topic, qos.DRIVER_DIAGNOSTICS) for source in self._sources
        ]
        self._schedule = VariableRateLimiter()

    def report(self, fault: str) -> None:
        """Report a fault from the next message on; empty: report that all is well.

        Raises:
            SimulationError: the driver profile names no source that the simulator offers.
        """
        if fault and not self._sources:
            raise SimulationError(
                f"fault: driver profile {self._driver.name} has no fault source that is simulated, expected one "
                f"of kind {HARDWARE_COMPONENTS} or {DIAGNOSTICS}; add it to `faults` in the embodiment file"
            )
        self._fault = fault

    def shift(self, ns: int) -> None:
        """Follow a clock that was set forward or back."""
        self._schedule.shift(ns)

    def publish_due(self, now_ns: int) -> None:
        """Publish if it is time."""
        if self._schedule.due(now_ns, RATE_HZ):
            for source, publisher in zip(self._sources, self._publishers, strict=True):
                message = DiagnosticArray(status=self._statuses(source))
                message.header.stamp = to_stamp(now_ns)
                publisher.publish(message)

    def _statuses(self, source: FaultSource) -> list[DiagnosticStatus]:
        if source.kind == DIAGNOSTICS:
            level, text = (DiagnosticStatus.ERROR, self._fault) if self._fault else (DiagnosticStatus.OK, "OK")
            return [DiagnosticStatus(name=name, level=level, message=text) for name in source.names]
        names = source.names or (self._driver.name,)
        state = "unconfigured" if self._fault else "active"
        text = f"Not all hardware components are active: {self._fault}" if self._fault else "All are active"
        values = [KeyValue(key=name + STATE_KEY, value=state) for name in names]
        return [DiagnosticStatus(name=MANAGER_STATUS, level=DiagnosticStatus.OK, message=text, values=values)]
