# SPDX-License-Identifier: Apache-2.0
"""Read faults out of diagnostics: those of ros2_control's controller_manager, and those of a driver's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from molmoact2_ros.embodiment import HARDWARE_COMPONENTS, Fault, FaultSource

from .fault_report import EVERY_PART, FaultReport

# controller_manager (ros2_control) names each component and its lifecycle state in the values of this status: as NAME
# from 4.19 on, as NAME.state from 4.29 on. From then on a status without any component says that none is active, that
# none is loaded or that it is not ready. Its level is no help: it is an error when a cycle came late.
STATE_KEY = ".state"
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
    states = {
        key.removesuffix(STATE_KEY): state
        for key, state in status.values.items()
        if key.endswith(STATE_KEY) or state in (ACTIVE, *NOT_ACTIVE)
    }
    if not states:
        text = f"no hardware component is active; {status.name} says: {status.message or 'nothing'}"
        return {EVERY_PART: FaultReport(Fault.DRIVER, text)}
    reports = {
        component: FaultReport() if state == ACTIVE else _not_active(component, state, status.message)
        for component, state in states.items()
        if component in (source.names or (component,))
    }
    # Another manager on the topic may name the others; what none has named yet is a fault.
    return {name: _not_named(name, states) for name in source.names} | reports


def _not_named(component: str, states: Iterable[str]) -> FaultReport:
    text = (
        f"hardware component {component} is in `names` of the embodiment file, but controller_manager names "
        f"{', '.join(states)} alone; correct `names`, or load the component"
    )
    return FaultReport(Fault.DRIVER, text, only_if_unknown=True)


def _not_active(component: str, state: str, message: str) -> FaultReport:
    return FaultReport(
        Fault.DRIVER, f"hardware component {component} is {state}, not active; its manager says: {message}"
    )
