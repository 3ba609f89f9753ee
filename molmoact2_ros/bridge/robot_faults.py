# SPDX-License-Identifier: Apache-2.0
"""All that a robot's fault sources say, as one fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from molmoact2_ros.embodiment import FaultSource

from .fault_report import FaultReport


class RobotFaults:
    """Remember what was said last of each part; a fault lasts until the same part is said to be well."""

    def __init__(self, sources: Sequence[FaultSource]) -> None:
        """Wait for every source."""
        self._unheard = dict.fromkeys(sources)
        self._reports: dict[tuple[FaultSource, str], FaultReport] = {}

    def take(self, source: FaultSource, reports: Mapping[str, FaultReport]) -> None:
        """Take reports of parts, by name; several publishers may share a topic, each with parts of its own."""
        if reports:
            self._unheard.pop(source, None)
        self._reports |= {(source, part): report for part, report in reports.items()}

    @property
    def present(self) -> FaultReport:
        """The first fault there is, by the order of sources heard; without a fault an empty report."""
        return next((report for report in self._reports.values() if report.fault), FaultReport())

    @property
    def unheard(self) -> tuple[FaultSource, ...]:
        """Sources that have said nothing yet."""
        return tuple(self._unheard)
