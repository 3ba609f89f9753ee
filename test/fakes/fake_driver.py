# SPDX-License-Identifier: Apache-2.0
"""A joint state broadcaster with the bad manners of real ones."""

from __future__ import annotations

import numpy as np

from molmoact2_ros.embodiment import DriverGroup
from molmoact2_ros.interfaces.joint_report import DriverReport

MS = 1_000_000  # ns


class FakeDriver:
    """Report a group's joints in reversed order, between joints of no group, in the driver's units."""

    def __init__(self, group: DriverGroup, positions: np.ndarray) -> None:
        self.names = ("left_finger", *reversed(group.joints.values()), "right_finger")
        self._group = group
        self.move(positions)

    def move(self, positions: np.ndarray) -> None:
        """Stand at positions [joints], in the group's order and this package's units."""
        self._positions = np.array([0.5, *self._group.unit.outside(np.asarray(positions, float))[::-1], 0.5])

    def report(
        self, stamp_ms: float, *, velocities: np.ndarray | None = None, broken: dict[str, float] | None = None
    ) -> DriverReport:
        """Return a report; `velocities` as for `move`, `broken` overwrites positions by driver name."""
        positions = self._positions.copy()
        for index, name in enumerate(self.names):
            positions[index] = (broken or {}).get(name, positions[index])
        rates = np.zeros(0)
        if velocities is not None:
            rates = np.array([0.0, *self._group.unit.rate_outside(velocities)[::-1], 0.0])
        return DriverReport(int(stamp_ms * MS), self.names, positions, rates)
