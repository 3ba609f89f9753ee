# SPDX-License-Identifier: Apache-2.0
"""The newest state of one driver group, in this package's units."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import DIFFERENCES, DriverGroup
from molmoact2_ros.interfaces.joint_report import DriverReport
from molmoact2_ros.schema import listed
from molmoact2_ros.timing import NO_STAMP, NewestStamp, Step

_REMEMBERED = 200  # reports: a source of 10 Hz is found next to one of 500 Hz
_SETBACKS = 3  # more than restarts explain


class ReportSources:
    """The publishers of one group's joints, as far as their numbers show."""

    def __init__(self) -> None:
        """Know of none."""
        self._newest: int | None = None
        self._setbacks: deque[bool] = deque(maxlen=_REMEMBERED)

    @property
    def are_several(self) -> bool:
        """Return whether more than one publisher reports the joints."""
        return sum(self._setbacks) >= _SETBACKS

    def add(self, sequence: int | None) -> None:
        """Take the number that a report has among its publisher's; None says nothing."""
        if sequence is None:
            return
        self._setbacks.append(self._newest is not None and sequence <= self._newest)
        self._newest = sequence


Vector = NDArray[np.float64]

# Differences span this long: over one period of a 100 Hz driver, a tick of a 12-bit encoder would read as 0.15 rad/s.
_DIFFERENCE_NS = 50_000_000


class GroupState:
    """Read the joints of one group out of the reports on its topic; `invalid` says what is wrong with the newest one.

    A report that names none of the group's joints is not about them: several drivers share joint_states.
    """

    def __init__(self, group: DriverGroup) -> None:
        self.group = group
        self.invalid = ""
        self.newest = NewestStamp()
        self.positions: Vector | None = None
        self.velocities: Vector | None = None
        self.sources = ReportSources()
        self._strangers: tuple[str, ...] = ()
        self._history: deque[tuple[int, Vector]] = deque()

    @property
    def stamp_ns(self) -> int:
        """Stamp of the newest state; 0 before the first."""
        return self.newest.ns or 0

    def take(self, report: DriverReport, now_ns: int | None = None) -> bool:
        """Take a report that came from the group's topic at a ROS time; return whether the state is newer now."""
        names = tuple(self.group.joints.values())
        if not set(names) & set(report.names):
            self._strangers = report.names
            return False
        self.sources.add(report.sequence)
        self.invalid = _problem(report, names, self.group.velocity)
        if self.invalid:
            return False
        step = self.newest.take(report.stamp_ns, now_ns)
        if step not in (Step.NEWER, Step.RESTART):
            return False
        if step is Step.RESTART:
            self._history.clear()
        columns = [report.names.index(name) for name in names]
        self.positions = self.group.unit.inside(report.positions[columns])
        self.velocities = self._velocities(report, columns)
        return True

    def problem(self, now_ns: int, max_age_s: float) -> str:
        """Say why the group's state cannot be used at a ROS time; empty when it can."""
        where = f"driver topic '{self.group.state_topic}'"
        names = ", ".join(self.group.joints.values())
        if self.invalid:
            return f"{where} is invalid: {self.invalid}"
        clock = self.newest.problem(now_ns)
        if clock:
            return f"{where} is invalid: {clock}"
        if self.positions is None:
            received = f"only {listed(self._strangers)}" if self._strangers else "nothing"
            return f"{where} is missing: expected {names}, got {received}; start the driver or correct the topic"
        age_s = (now_ns - self.stamp_ns) / 1e9
        if age_s > max_age_s:
            late = f"{where} is stale: newest state of {names} is {age_s:.2f} s old, budget {max_age_s:.2f} s"
            return f"{late}; check its driver"
        if self.velocities is None:
            return f"{where} sends no velocities: waiting for a second message to take differences of positions"
        return ""

    def _velocities(self, report: DriverReport, columns: list[int]) -> Vector | None:
        """Return the driver's velocities if they are finite and can be used, else differences of its positions."""
        assert self.positions is not None
        self._history.append((self.stamp_ns, self.positions))
        while len(self._history) > 2 and self._history[1][0] <= self.stamp_ns - _DIFFERENCE_NS:
            self._history.popleft()
        if report.velocities.size and self.group.velocity != DIFFERENCES:
            velocities = report.velocities[columns]
            if np.isfinite(velocities).all():
                return self.group.unit.rate_inside(velocities)
        past_ns, past = self._history[0]
        return (self.positions - past) / ((self.stamp_ns - past_ns) / 1e9) if past_ns < self.stamp_ns else None


def _problem(report: DriverReport, names: tuple[str, ...], velocity: str) -> str:
    """Say what makes a report unusable; empty when nothing does. Velocities count where `velocity` uses them."""
    got = listed(report.names)
    for name in names:
        if report.names.count(name) != 1:
            how_often = "lacks" if name not in report.names else "repeats"
            return f"expected each joint of the group once, but the message {how_often} {name}; it names {got}"
    if report.positions.size != len(report.names):
        return f"expected {len(report.names)} positions for {got}, got {report.positions.size}"
    if velocity != DIFFERENCES and report.velocities.size not in (0, len(report.names)):
        return (
            f"expected {len(report.names)} velocities for {got}, or none, got {report.velocities.size}; correct the "
            "driver, or set velocity: differences for the group in the embodiment file"
        )
    for name in names:
        position = report.positions[report.names.index(name)]
        if not np.isfinite(position):
            return f"expected finite positions, got {position} for {name}"
    if report.stamp_ns == 0:
        return NO_STAMP
    return ""
