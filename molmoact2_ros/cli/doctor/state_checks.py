# SPDX-License-Identifier: Apache-2.0
"""All that is looked at in the joint states of one driver group.

From the outside in: it ends at the first failure that leaves nothing to read.
"""

from __future__ import annotations

from collections.abc import Iterator

from molmoact2_ros.bridge import ReportSources
from molmoact2_ros.embodiment import DIFFERENCES, DriverGroup, Embodiment
from molmoact2_ros.perception import Budgets

from .check import FAILED, Check, contained, failed
from .clocks import check_clock
from .gripper_units import check_gripper
from .group_label import group_label
from .group_readings import GroupReadings
from .joint_names import check_names
from .joint_rates import check_velocities
from .joint_values import check_arm, check_finite
from .rates import check_rate
from .state_record import StateRecord


def check_group(robot: Embodiment, group: DriverGroup, record: StateRecord, gripper: str = "") -> Iterator[Check]:
    """Judge one group.

    Args:
        robot: the group's.
        group: its joints, names and units.
        record: all that was heard on its topic; at least one report.
        gripper: open or closed, as somebody sees its grippers; empty where nobody looked.
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
        sources.hear(report.sequence)
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
