# SPDX-License-Identifier: Apache-2.0
"""Read faults out of diagnostics: those of ros2_control's controller_manager, and those of a driver's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from molmoact2_ros.embodiment import HARDWARE_COMPONENTS, Fault, FaultSource

from .fault_report import FaultReport

# controller_manager (ros2_control, Jazzy) names each component and its lifecycle state in the values of this status.
# Its level is no help: it warns when no component at all is active, and is an error when a cycle came late.
COMPONENTS_STATUS = "Hardware Components Activity"
ACTIVE = "active"
NOT_ACTIVE = ("unknown", "unconfigured", "inactive", "finalized", "configuring", "activating", "deactivating",
              "cleaningup", "shuttingdown", "errorprocessing")  # fmt: skip
ERROR = 2  # diagnostic_msgs/DiagnosticStatus; STALE is 3


@dataclass(frozen=True)
class DriverStatus:
    """One entry of /diagnostics: plain data, as in diagnostic_msgs/DiagnosticStatus."""

    name: str
    level: int
    message: str
    values: Mapping[str, str] = field(default_factory=dict)


def diagnostic_faults(source: FaultSource, statuses: Iterable[DriverStatus]) -> dict[str, FaultReport]:
    """Return what statuses say of each part that the source names; nothing of parts that they do not mention."""
    reports: dict[str, FaultReport] = {}
    for status in statuses:
        if source.kind == HARDWARE_COMPONENTS:
            reports |= _of_components(source, status)
        elif status.name in source.names:
            broken = status.level >= ERROR
            text = f"{status.name} says: {status.message or 'error'}"
            reports[status.name] = FaultReport(Fault.DRIVER, text) if broken else FaultReport()
    return reports


def _of_components(source: FaultSource, status: DriverStatus) -> dict[str, FaultReport]:
    if not status.name.endswith(COMPONENTS_STATUS):
        return {}
    return {
        component: FaultReport() if state == ACTIVE else _not_active(component, state, status.message)
        for component, state in status.values.items()
        if state in (ACTIVE, *NOT_ACTIVE) and component in (source.names or (component,))
    }


def _not_active(component: str, state: str, message: str) -> FaultReport:
    return FaultReport(
        Fault.DRIVER, f"hardware component {component} is {state}, not active; its manager says: {message}"
    )
