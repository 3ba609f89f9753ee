# SPDX-License-Identifier: Apache-2.0
"""Merge what all drivers of a robot report into one robot state."""

from __future__ import annotations

import numpy as np

from molmoact2_ros.embodiment import Driver
from molmoact2_ros.interfaces.joint_report import DriverReport
from molmoact2_ros.interfaces.robot_state import RobotState

from .group_state import GroupState


class DriverState:
    """The robot as its drivers report it. Joints are found by name; a group that is missing or late is named."""

    def __init__(self, driver: Driver, joint_names: tuple[str, ...], max_age_s: float) -> None:
        """Wait for every group of the driver.

        Args:
            driver: the profile in use.
            joint_names: the order of the robot state.
            max_age_s: oldest state of a group that still counts.
        """
        self._groups = [GroupState(group) for group in driver.groups]
        self._max_age_s = max_age_s
        self._names = joint_names
        named = [joint for group in driver.groups for joint in group.joints]
        self._order = [named.index(joint) for joint in joint_names]

    @property
    def topics(self) -> list[str]:
        """Topics to listen to, each once."""
        return list(dict.fromkeys(state.group.state_topic for state in self._groups))

    def take(self, topic: str, report: DriverReport, now_ns: int | None = None) -> bool:
        """Take a report that arrived on a topic at a ROS time; return whether a group's state is newer now."""
        newer = [state.take(report, now_ns) for state in self._groups if state.group.state_topic == topic]
        return any(newer)

    @property
    def ignored(self) -> int:
        """Reports whose stamp was not taken: from the future, or from a foreign clock."""
        return sum(state.newest.ignored for state in self._groups)

    def problem(self, now_ns: int) -> str:
        """Say why there is no robot state at a ROS time; empty when there is one."""
        problems = (state.problem(now_ns, self._max_age_s) for state in self._groups)
        return "; ".join(problem for problem in problems if problem)

    def disputed(self) -> list[tuple[str, str]]:
        """Return topic and joints, in the driver's names, of each group that more than one publisher reports."""
        groups = [state.group for state in self._groups if state.sources.are_several]
        return [(group.state_topic, ", ".join(group.joints.values())) for group in groups]

    def robot_state(self, now_ns: int) -> RobotState | None:
        """Return the merged state, stamped with its oldest part; None while `problem` has something to say."""
        if self.problem(now_ns):
            return None
        positions = np.concatenate([state.positions for state in self._groups if state.positions is not None])
        velocities = np.concatenate([state.velocities for state in self._groups if state.velocities is not None])
        return RobotState(
            stamp_ns=min(state.stamp_ns for state in self._groups),
            names=self._names,
            positions=positions[self._order],
            velocities=velocities[self._order],
        )
