# SPDX-License-Identifier: Apache-2.0
"""What was heard on one topic of joint states."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from molmoact2_ros.bridge import DriverReport

from .arrivals import Arrivals


@dataclass(frozen=True, eq=False)
class StateRecord:
    """Every report while listening, and when it came."""

    reports: tuple[DriverReport, ...]
    arrivals: Arrivals

    def about(self, names: Collection[str]) -> StateRecord:
        """Return the reports that name one of the joints: several drivers share joint_states."""
        mask = np.array([not set(names).isdisjoint(report.names) for report in self.reports], dtype=bool)
        reports = tuple(report for report, taken in zip(self.reports, mask, strict=True) if taken)
        return StateRecord(reports, self.arrivals.where(mask))

    @property
    def names(self) -> tuple[str, ...]:
        """Every joint named, in the order of first mention."""
        return tuple(dict.fromkeys(name for report in self.reports for name in report.names))
