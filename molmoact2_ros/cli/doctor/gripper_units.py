# SPDX-License-Identifier: Apache-2.0
"""Whether a gripper's numbers can be in the unit that its profile says.

One pose does not prove a unit: an open gripper is 0 rad of a knuckle and 1 of an opening. So what lies outside the
profile's range fails, what another unit explains better is a warning, and the rest is put in words to be looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

from .check import Check, failed, ok, warning
from .group_readings import GroupReadings

SLACK = 0.05  # strokes; encoders of grippers run past their ends
_AT_AN_END = 0.03  # strokes
_SMALLER, _MUCH_SMALLER = 0.8, 0.25  # strokes of another unit, as part of the profile's
_PERCENT = 100.0
OPEN, CLOSED = "open", "closed"


@dataclass(frozen=True)
class GripperUnit:
    """A unit that some driver uses, by its values at both ends."""

    title: str
    closed: float
    open: float

    @property
    def stroke(self) -> float:
        """Way between the ends."""
        return abs(self.open - self.closed)

    def holds(self, low: float, high: float) -> bool:
        """Tell whether a range of values lies in the gripper's stroke."""
        slack = SLACK * self.stroke
        return min(self.closed, self.open) - slack <= low and high <= max(self.closed, self.open) + slack

    def is_at_end(self, value: float) -> bool:
        """Tell whether a value lies at one of the ends."""
        return any(abs(value - end) < _AT_AN_END * self.stroke for end in (self.closed, self.open))

    def is_swept(self, low: float, high: float) -> bool:
        """Tell whether a range of values is the whole stroke."""
        return self.holds(low, high) and high - low > (1 - 2 * SLACK) * self.stroke


UNITS = (
    GripperUnit("the width of a Robotiq 2F-85 in m", 0.0, 0.085),
    GripperUnit("the width of a Franka Hand in m", 0.0, 0.08),
    GripperUnit("a finger's way in m", 0.0, -0.0475),
    GripperUnit("the knuckle of a Robotiq 2F-85 in rad", 0.7929, 0.0),
    GripperUnit("an opening from 0 to 1", 0.0, 1.0),
    GripperUnit("a percentage", 0.0, 100.0),
)


def check_gripper(name: str, readings: GroupReadings, column: int, seen: str = "") -> Check:
    """Judge the positions of one gripper; `seen` is OPEN or CLOSED where somebody has looked at it, else empty."""
    raw, strokes = readings.raw[:, column], readings.positions[:, column]
    low, high = float(raw.min()), float(raw.max())
    own = GripperUnit("", float(readings.closed[column]), float(readings.open[column]))
    expected = f"{own.closed:g} (closed) to {own.open:g} (open)"
    heard = f"{readings.driver_names[column]} = {_range(low, high)}"
    if not own.holds(low, high):
        fitting = [unit.title for unit in UNITS if unit.holds(low, high)]
        looks = f"this may be {' or '.join(fitting)}: " if fitting else ""
        return failed(name, heard, expected, f"{looks}correct the driver, or the unit of its profile")
    words = f"{heard}, which reads {_PERCENT * strokes[-1]:.0f} % open"
    swept = next((unit for unit in UNITS if unit.is_swept(low, high) and unit.stroke < _SMALLER * own.stroke), None)
    if swept:
        remedy = "correct the driver, or the unit of its profile"
        return failed(name, f"{words}: the whole stroke of {swept.title}", expected, remedy)
    if seen and (strokes[-1] > 0.5) != (seen == OPEN):
        remedy = (
            "the sense is reversed: correct the driver, or give its profile the unit "
            f"{{scale: {own.closed - own.open:g}, offset: {own.open:g}}}"
        )
        return failed(name, words, f"a gripper that is {seen}", remedy)
    better = _better(own, low, high)
    if better:
        remedy = f"this may be {better.title}: open and close the gripper while doctor listens"
        return warning(name, words, expected, remedy)
    return ok(name, f"{words}: look whether it is", expected)


def _better(own: GripperUnit, low: float, high: float) -> GripperUnit | None:
    """Return a unit that explains the values better: they keep to its small stroke, or stand at one of its ends."""
    if own.is_at_end(low) or own.is_at_end(high):
        return None
    counts_from_zero = 0.0 in (own.closed, own.open)  # else a small value may be anything
    for unit in UNITS:
        small = counts_from_zero and unit.stroke < _MUCH_SMALLER * own.stroke
        # Not at its 0: most units have one, and a small number is near it in any.
        at_end = any(end and abs(high - end) < _AT_AN_END * unit.stroke for end in (unit.closed, unit.open))
        if unit.holds(low, high) and (small or (at_end and unit.stroke < _SMALLER * own.stroke)):
            return unit
    return None


def _range(low: float, high: float) -> str:
    return f"{low:.4g}" if high - low < 0.01 * max(abs(low), abs(high), 0.01) else f"{low:.4g}..{high:.4g}"
