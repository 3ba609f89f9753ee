# SPDX-License-Identifier: Apache-2.0
"""Whether one group's joint states have the right names, rates, stamps and velocities."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.bridge import ReportSources
from molmoact2_ros.embodiment import DIFFERENCES, DriverGroup, Embodiment
from molmoact2_ros.perception import Budgets

from .check import FAILED, Check, contained, failed, ok
from .evidence import GroupReadings, StateRecord, group_label
from .topic_checks import check_clock, check_rate
from .unit_checks import check_arm, check_finite, check_gripper


def check_names(name: str, robot: Embodiment, group: DriverGroup, record: StateRecord) -> Check:
    """Judge the joint names of one group's topic.

    Args:
        name: of the check.
        robot: its other profiles are proposed where they fit.
        group: the joints in question.
        record: all that was received on the topic; at least one report.
    """
    wanted, reported = tuple(group.joints.values()), record.names
    expected = ", ".join(wanted)
    missing = [joint for joint in wanted if joint not in reported]
    if missing:
        absent = "none of them" if len(missing) == len(wanted) else f"no {', '.join(missing)}"
        found = f"{absent}; the topic names {', '.join(reported) or 'no joint'}"
        return failed(name, found, expected, _name_remedy(robot, group, reported))
    torn = [report for report in record.about(wanted).reports if not set(wanted) <= set(report.names)]
    if torn:
        found = f"{len(torn)} messages name a part of them: {', '.join(torn[-1].names)}"
        return failed(name, found, expected, "let one driver report all joints of the group in one message")
    return _check_shape(name, wanted, record) or ok(name, f"{len(wanted)} of {len(wanted)} named", expected)


def _check_shape(name: str, wanted: tuple[str, ...], record: StateRecord) -> Check | None:
    """Return what is wrong with the messages themselves, None if nothing is."""
    for report in record.about(wanted).reports:
        twice = [joint for joint in wanted if report.names.count(joint) > 1]
        if twice:
            return failed(name, f"{', '.join(twice)} twice in one message", "each joint once", "correct the driver")
        if report.positions.size != len(report.names):
            found = f"{len(report.names)} names with {report.positions.size} positions"
            return failed(name, found, "one position for each name", "correct the driver")
    return None


def _name_remedy(robot: Embodiment, group: DriverGroup, reported: tuple[str, ...]) -> str:
    fitting = [
        driver.name
        for driver in robot.drivers.values()
        for other in driver.groups
        if set(other.joints) >= set(group.joints) and set(other.joints.values()) <= set(reported)
    ]
    if fitting:
        return f"choose --driver {' or '.join(dict.fromkeys(fitting))}: these names are its own"
    prefix = _other_prefix(tuple(group.joints.values()), reported)
    if prefix:
        return f"the driver says {prefix[1]!r} where the profile says {prefix[0]!r}: write a profile with its names"
    return "start the driver of these joints, or write a profile with its names into the embodiment file"


def _other_prefix(wanted: tuple[str, ...], reported: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the prefix of the wanted names and the one that replaces it in the reported names, if one does."""
    for length in range(len(wanted[0]) - 1, 0, -1):
        ours, stem = wanted[0][:length], wanted[0][length:]
        for name in reported:
            theirs = name.removesuffix(stem)
            renamed = [theirs + joint.removeprefix(ours) for joint in wanted]
            if name != theirs and all(joint.startswith(ours) for joint in wanted) and set(renamed) <= set(reported):
                return ours, theirs
    return None


Vector = NDArray[np.float64]

MOVED = 0.03  # rad or strokes while listening: less says nothing about the unit of velocity
STANDING = 0.1  # rad/s or strokes/s: more than the noise of any joint that stands
_WINDOW_S = 0.1  # velocity is integrated over so long: over less, encoder ticks dominate
_AGREES = (0.7, 1.4)
_UNITS = {"degrees a second": np.rad2deg(1.0), "turns a minute": 30.0 / np.pi, "the opposite sign": -1.0}


def check_velocities(name: str, readings: GroupReadings) -> Check:
    """Judge one group's velocities: against motion if there was any, else against rest."""
    expected = "the derivative of the positions"
    if not np.isfinite(readings.rates).all():
        return ok(name, "none (or not finite): the bridge takes differences of the positions", expected)
    ways = np.ptp(readings.positions, axis=0)
    for column in np.flatnonzero(ways > MOVED):
        ratio = _ratio(readings.times_s, readings.positions[:, column], readings.rates[:, column])
        if ratio is not None and not _AGREES[0] <= ratio <= _AGREES[1]:
            found = f"{readings.driver_names[column]} reports {ratio:.2g} times the speed at which it moves"
            return failed(name, found, expected, _velocity_remedy(ratio))
    if (ways > MOVED).any():
        return ok(name, "agree with the motion of the positions", expected)
    return _check_rest(name, readings, expected)


def _check_rest(name: str, readings: GroupReadings, expected: str) -> Check:
    speeds = np.abs(np.median(readings.rates, axis=0))
    worst = int(np.argmax(speeds))
    if speeds[worst] > STANDING:
        found = f"{readings.driver_names[worst]} reports {speeds[worst]:.2f} a second while it stands"
        return failed(name, found, expected, "correct the driver's velocities")
    found = f"at rest, at most {np.abs(readings.rates).max():.3f} a second (the unit shows in motion only)"
    return ok(name, found, expected)


def _ratio(times_s: Vector, positions: Vector, rates: Vector) -> float | None:
    """Return reported over real motion, by least squares over windows; None where it cannot be determined."""
    steps_s = np.diff(times_s)
    if not steps_s.size or np.median(steps_s) <= 0:
        return None
    window = max(1, round(_WINDOW_S / float(np.median(steps_s))))
    way = np.append(0.0, np.cumsum(0.5 * (rates[1:] + rates[:-1]) * steps_s))
    if way.size <= window:
        return None
    moved, reported = positions[window:] - positions[:-window], way[window:] - way[:-window]
    return float(moved @ reported / (moved @ moved)) if (moved @ moved) > 0 else None


def _velocity_remedy(ratio: float) -> str:
    for title, factor in _UNITS.items():
        if _AGREES[0] <= ratio / factor <= _AGREES[1]:
            return f"this looks like {title}: correct the driver"
    if abs(ratio) < 0.1:
        return "the driver sends no true velocities: let it send none, and the bridge takes differences"
    return "correct the driver's velocities"


def check_group(robot: Embodiment, group: DriverGroup, record: StateRecord, gripper: str = "") -> Iterator[Check]:
    """Judge one group.

    Args:
        robot: the group's.
        group: its joints, names and units.
        record: all that was received on its topic; at least one report.
        gripper: open or closed, as an operator sees its grippers; empty where no operator looked.
    """
    label = group_label(group)
    names = check_names(f"{label} names", robot, group, record)
    yield names
    if names.status == FAILED:
        return
    record = record.about(group.joints.values())
    if _comes_from_several(record):
        remedy = "stop the others (ros2 topic info -v names them), or give each a topic of its own"
        yield failed(f"{label} source", "several publishers report these joints", "one", remedy)
        return
    yield from _check_times(label, robot, group, record)
    readings = GroupReadings.read(robot, group, record)
    finite = check_finite(f"{label} values", readings)
    yield finite
    if finite.status == FAILED:
        return
    if readings.columns(grippers=False):
        yield from contained(f"{label} limits", check_arm, f"{label} limits", readings)
    for column in readings.columns(grippers=True):
        name = f"{readings.joints[column].name} unit"
        yield from contained(name, check_gripper, name, readings, column, gripper)
    if group.velocity != DIFFERENCES:
        yield from contained(f"{label} velocities", check_velocities, f"{label} velocities", readings)


def _comes_from_several(record: StateRecord) -> bool:
    sources = ReportSources()
    for report in record.reports:
        sources.add(report.sequence)
    return sources.are_several


def _check_times(label: str, robot: Embodiment, group: DriverGroup, record: StateRecord) -> Iterator[Check]:
    budget_s = Budgets().state_max_age_s
    grippers = {joint.name for joint in robot.joints if joint.is_gripper}
    # A gripper is slow: it must be fresh, no more. An arm's state is used by every command.
    wanted_hz = 1.0 / budget_s if grippers.issuperset(group.joints) else robot.command_rate_hz
    source = f"the driver behind {group.state_topic}"
    name, arrivals = f"{label} rate", record.arrivals
    yield from contained(name, check_rate, name, arrivals, wanted_hz=wanted_hz, budget_s=budget_s, source=source)
    yield from contained(f"{label} clock", check_clock, f"{label} clock", arrivals, budget_s)
