# SPDX-License-Identifier: Apache-2.0
"""The newest state of the robot, in the order of the embodiment."""

from __future__ import annotations

import dataclasses

import numpy as np

from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.schema import listed
from molmoact2_ros.timing import NewestStamp, Step


class StateBuffer:
    """Take robot states as they arrive; keep the newest one that names every joint once with a finite value.

    `invalid` says why the newest arrival cannot be used, `repeated` counts arrivals whose stamp did not advance, and
    `stamps` judges the clock.
    """

    def __init__(self, joint_names: tuple[str, ...]) -> None:
        self._names = joint_names
        self.newest: RobotState | None = None
        self.invalid = ""
        self.repeated = 0
        self.stamps = NewestStamp()

    def add(self, state: RobotState, now_ns: int | None = None) -> None:
        """Take a state that has just arrived, at a ROS time."""
        self.invalid = self._problem(state)
        if self.invalid:
            return
        step = self.stamps.take(state.stamp_ns, now_ns)
        if step is Step.STRANGE:
            return
        if step is Step.OLDER:
            self.repeated += 1
            return
        # The stamp is that of the slowest driver: others may be newer in a state with the same stamp.
        self.repeated = self.repeated + 1 if step is Step.EQUAL else 0
        self.newest = self._ordered(state)

    def _problem(self, state: RobotState) -> str:
        if len(state.names) != len(self._names) or sorted(state.names) != sorted(self._names):
            return f"expected the joints {', '.join(self._names)} once each, got {listed(state.names)}"
        if state.positions.shape != (len(self._names),) or state.velocities.shape != state.positions.shape:
            sizes = f"{state.positions.size} positions and {state.velocities.size} velocities"
            return f"expected {len(self._names)} positions and velocities, got {sizes}"
        broken = np.flatnonzero(~np.isfinite(state.positions))
        if broken.size:
            return f"expected finite positions, got {state.positions[broken[0]]} for {state.names[broken[0]]}"
        return ""

    def _ordered(self, state: RobotState) -> RobotState:
        order = [state.names.index(name) for name in self._names]
        return dataclasses.replace(
            state, names=self._names, positions=state.positions[order], velocities=state.velocities[order]
        )
