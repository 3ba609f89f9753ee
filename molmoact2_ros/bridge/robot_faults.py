# SPDX-License-Identifier: Apache-2.0
"""All that a robot's fault sources say, as one fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from molmoact2_ros.embodiment import FaultSource

from .fault_report import EVERY_PART, FaultReport


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
    def unheard(self) -> tuple[FaultSource, ...]:
        """Sources that have said nothing yet, or nothing of one of their names."""
        return tuple(
            source for source, parts in self._reports.items() if not parts or not set(source.names) <= parts.keys()
        )
