# SPDX-License-Identifier: Apache-2.0
"""Whether a driver calls the joints what the profile calls them."""

from __future__ import annotations

from molmoact2_ros.embodiment import DriverGroup, Embodiment

from .check import Check, failed, ok
from .state_record import StateRecord


def check_names(name: str, robot: Embodiment, group: DriverGroup, record: StateRecord) -> Check:
    """Judge the joint names of one group's topic.

    Args:
        name: of the check.
        robot: its other profiles are proposed where they fit.
        group: the joints in question.
        record: all that was heard on the topic; at least one report.
    """
    wanted, heard = tuple(group.joints.values()), record.names
    expected = ", ".join(wanted)
    missing = [joint for joint in wanted if joint not in heard]
    if missing:
        absent = "none of them" if len(missing) == len(wanted) else f"no {', '.join(missing)}"
        found = f"{absent}; the topic names {', '.join(heard) or 'no joint'}"
        return failed(name, found, expected, _remedy(robot, group, heard))
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


def _remedy(robot: Embodiment, group: DriverGroup, heard: tuple[str, ...]) -> str:
    fitting = [
        driver.name
        for driver in robot.drivers.values()
        for other in driver.groups
        if set(other.joints) >= set(group.joints) and set(other.joints.values()) <= set(heard)
    ]
    if fitting:
        return f"choose --driver {' or '.join(dict.fromkeys(fitting))}: these names are its own"
    prefix = _other_prefix(tuple(group.joints.values()), heard)
    if prefix:
        return f"the driver says {prefix[1]!r} where the profile says {prefix[0]!r}: write a profile with its names"
    return "start the driver of these joints, or write a profile with its names into the embodiment file"


def _other_prefix(wanted: tuple[str, ...], heard: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the prefix of the wanted names and the one that replaces it in the names heard, if one does."""
    for length in range(len(wanted[0]) - 1, 0, -1):
        ours, stem = wanted[0][:length], wanted[0][length:]
        for name in heard:
            theirs = name.removesuffix(stem)
            renamed = [theirs + joint.removeprefix(ours) for joint in wanted]
            if name != theirs and all(joint.startswith(ours) for joint in wanted) and set(renamed) <= set(heard):
                return ours, theirs
    return None
