# SPDX-License-Identifier: Apache-2.0
"""One group's joints as they were read: the driver's numbers, and what the profile makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import DriverGroup, Embodiment, Joint

from .state_record import StateRecord

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GroupReadings:
    """Matrices [messages x joints] in the group's order.

    `raw` and `raw_rates` are in the driver's unit, `positions` and `rates` in this package's; rates are NaN where the
    driver sends none. `closed` and `open` [joints] are 0 and 1 of this package in the driver's unit.
    """

    joints: tuple[Joint, ...]
    driver_names: tuple[str, ...]
    times_s: NDArray[np.float64]
    raw: Matrix
    positions: Matrix
    raw_rates: Matrix
    rates: Matrix
    closed: NDArray[np.float64]
    open: NDArray[np.float64]

    @classmethod
    def read(cls, robot: Embodiment, group: DriverGroup, record: StateRecord) -> GroupReadings:
        """Read the reports of a group whose names have been found good; at least one."""
        names = tuple(group.joints.values())
        record = record.about(names)
        raw = np.array([_columns(report.names, report.positions, names) for report in record.reports])
        raw_rates = np.array([_columns(report.names, report.velocities, names) for report in record.reports])
        by_name = {joint.name: joint for joint in robot.joints}
        stamps_ns = record.arrivals.stamps_ns
        return cls(
            joints=tuple(by_name[joint] for joint in group.joints),
            driver_names=names,
            times_s=(stamps_ns - stamps_ns[0]) / 1e9,
            raw=raw,
            positions=group.unit.inside(raw),
            raw_rates=raw_rates,
            rates=group.unit.rate_inside(raw_rates),
            closed=group.unit.outside(np.zeros(len(names))),
            open=group.unit.outside(np.ones(len(names))),
        )

    def columns(self, *, grippers: bool) -> list[int]:
        """Return the columns of the grippers, or of the arm joints."""
        return [column for column, joint in enumerate(self.joints) if joint.is_gripper == grippers]


def _columns(given: tuple[str, ...], values: NDArray[np.float64], wanted: tuple[str, ...]) -> NDArray[np.float64]:
    if values.size != len(given):
        return np.full(len(wanted), np.nan)
    return values[[given.index(name) for name in wanted]]
