# SPDX-License-Identifier: Apache-2.0
"""What a robot's drivers say of its faults, and all of it as one fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from molmoact2_ros.embodiment import HARDWARE_COMPONENTS, FaultSource
from molmoact2_ros.interfaces.robot_fault import RobotFault

EVERY_PART = "*"  # in place of a part's name: the report is about every part of its source


@dataclass(frozen=True)
class FaultReport:
    """`text` is one sentence in the driver's words; empty without a fault.

    `only_if_unknown` is true of a part that the message does not mention: what other messages say of it counts more.
    """

    fault: RobotFault = RobotFault.NONE
    text: str = ""
    only_if_unknown: bool = False


class RobotFaults:
    """Remember what was said last of each part; a fault lasts until the same part is said to be well."""

    def __init__(self, sources: Sequence[FaultSource]) -> None:
        """Wait for every source."""
        self._reports: dict[FaultSource, dict[str, FaultReport]] = {source: {} for source in sources}

    def take(self, source: FaultSource, reports: Mapping[str, FaultReport]) -> None:
        """Take reports of parts, by name; several publishers may share a topic, each with parts of its own.

        A report of EVERY_PART is one of all parts known so far; where none is, it lasts until the first one is.
        """
        known = self._reports.setdefault(source, {})
        if EVERY_PART in reports:
            known.update(dict.fromkeys(known.keys() or (EVERY_PART,), reports[EVERY_PART]))
        named = {
            part: report
            for part, report in reports.items()
            if part != EVERY_PART and not (report.only_if_unknown and part in known)
        }
        if named:
            known.pop(EVERY_PART, None)
        known.update(named)

    @property
    def present(self) -> FaultReport:
        """The first fault there is, by the order of the sources; without a fault an empty report."""
        every = (report for parts in self._reports.values() for report in parts.values())
        return next((report for report in every if report.fault), FaultReport())

    @property
    def not_received(self) -> tuple[FaultSource, ...]:
        """Sources that have said nothing yet, or nothing of one of their names."""
        return tuple(
            source for source, parts in self._reports.items() if not parts or not set(source.names) <= parts.keys()
        )


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
            reports[status.name] = FaultReport(RobotFault.DRIVER, text) if broken else FaultReport()
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
        return {EVERY_PART: FaultReport(RobotFault.DRIVER, text)}
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
    return FaultReport(RobotFault.DRIVER, text, only_if_unknown=True)


def _not_active(component: str, state: str, message: str) -> FaultReport:
    return FaultReport(
        RobotFault.DRIVER, f"hardware component {component} is {state}, not active; its manager says: {message}"
    )


# franka_msgs/FrankaRobotState
IDLE, MOVE, GUIDING, REFLEX, USER_STOPPED, RECOVERY = 1, 2, 3, 4, 5, 6
_RECOVER = "run the robot's error recovery and activate its controllers; nothing here does that by itself"


class FrankaFault:
    """Judge one robot_state after the other.

    After a reflex or a user stop the mode returns to idle with every error flag false, although nothing moves before an
    error recovery (franka_ros2 issue 308). So such a fault lasts until the robot is in its mode "move" again.
    """

    def __init__(self) -> None:
        self._latched = FaultReport()

    def assess(self, mode: int, errors: Sequence[str]) -> FaultReport:
        """Return the fault.

        Args:
            mode: `robot_mode`.
            errors: names of the flags of `current_errors` that are set.
        """
        flags = f" ({', '.join(errors)})" if errors else ""
        if mode == USER_STOPPED:
            self._latched = FaultReport(RobotFault.USER_STOP, f"user stop{flags}: release it, then {_RECOVER}")
        elif mode == REFLEX:
            self._latched = FaultReport(RobotFault.REFLEX, f"reflex{flags}: {_RECOVER}")
        elif mode == MOVE:
            self._latched = FaultReport()
        if self._latched.fault:
            return self._latched
        if errors or mode == RECOVERY:
            return FaultReport(RobotFault.DRIVER, f"error{flags}: {_RECOVER}" if errors else "an error recovery runs")
        if mode == GUIDING:
            return FaultReport(RobotFault.DRIVER, "the robot is being guided by hand")
        if mode not in (IDLE, MOVE):  # 0 is "other"
            return FaultReport(
                RobotFault.DRIVER, f"robot mode {mode}, neither idle nor move: look whether it is unlocked"
            )
        return FaultReport()
