# SPDX-License-Identifier: Apache-2.0
"""Whether joint positions are numbers, in the unit that the profile says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import Affine, Joint

from .check import Check, failed, ok, warning
from .evidence import GroupReadings

Vector = NDArray[np.float64]

SLACK_RAD = 0.01  # encoders and calibration differ by less
_DEGREE_SCALE = 10.0  # a unit of the driver this much smaller than a radian is a degree or a part of one
_TICKS = 4096  # of a turn of a serial bus servo, zero in the middle


def check_finite(name: str, readings: GroupReadings) -> Check:
    """Judge whether every position is a number."""
    broken = np.argwhere(~np.isfinite(readings.raw))
    if not broken.size:
        return ok(name, "every position is finite", "finite numbers")
    row, column = broken[0]
    found = f"{readings.driver_names[column]} = {readings.raw[row, column]} in {len(set(broken[:, 0]))} messages"
    return failed(name, found, "finite numbers", "restart the driver; if it stays, look at the joint's encoder")


def check_arm(name: str, readings: GroupReadings) -> Check:
    """Judge the arm joints' positions against their limits, and guess the unit or sign where they lie outside."""
    columns = readings.columns(grippers=False)
    joints = [readings.joints[column] for column in columns]
    positions, raw = readings.positions[:, columns], readings.raw[:, columns]
    low, high = np.array([joint.low for joint in joints]), np.array([joint.high for joint in joints])
    excess = np.maximum(low - positions, positions - high)
    row, worst = np.unravel_index(np.argmax(excess), excess.shape)
    joint, value = joints[worst], positions[row, worst]
    expected = f"{joint.name} in {joint.low:g}..{joint.high:g} rad"
    where = f"{readings.driver_names[columns[worst]]} = {value:.3f} rad"
    if excess[row, worst] > SLACK_RAD:
        return failed(name, where, expected, _guess(joints, positions[row], int(worst)))
    if _may_be_radians(readings, raw):
        found = f"every joint within {np.abs(raw).max():.2f} of 0, where the profile expects degrees"
        return warning(name, found, expected, "look whether the driver sends radians: move a joint by a quarter turn")
    pose = ", ".join(f"{each:.2f}" for each in positions[-1])
    return ok(name, f"{pose} rad, inside the limits: compare with the robot", expected)


def _guess(joints: Sequence[Joint], positions: Vector, worst: int) -> str:
    """Say what would bring all joints, or at least the worst one, inside its limits."""
    low, high = np.array([joint.low for joint in joints]), np.array([joint.high for joint in joints])

    def fits(values: Vector, only: int | None = None) -> bool:
        inside = (values >= low - SLACK_RAD) & (values <= high + SLACK_RAD)
        return bool(inside.all() if only is None else inside[only])

    turns = np.abs(positions).max() > 2 * np.pi  # less may be radians, wherever their zero is
    policy = Affine.of_joints(joint.policy for joint in joints)
    if policy.offset.any() and fits(policy.inside(positions if turns else np.rad2deg(positions))):
        return (
            "these look like the frame of the checkpoint, for SO-100 and SO-101 LeRobot's older calibration: calibrate "
            "the arm by the newer one, or correct the unit of each joint in the profile (joint_units)"
        )
    units = {
        "degrees": np.deg2rad(positions),
        "encoder ticks": (positions - _TICKS / 2) * 2 * np.pi / _TICKS,
    }
    for unit, values in units.items():
        if turns and fits(values):
            return f"these look like {unit}: correct the driver, or the unit of its profile"
    if turns:
        return "more than a turn: these look like degrees; correct the driver, or the unit of its profile"
    if fits(-positions, worst):
        return "the opposite sign would fit: compare the joint's direction, else move it inside by hand"
    if fits(positions - np.sign(positions[worst]) * 2 * np.pi, worst):
        return "a whole turn less would fit: calibrate the joint's zero"
    return "move the joint inside by hand, or compare its zero with the embodiment's"


def _may_be_radians(readings: GroupReadings, raw: NDArray[np.float64]) -> bool:
    scale = np.abs(readings.open - readings.closed)[readings.columns(grippers=False)]
    return bool((scale > _DEGREE_SCALE).all() and np.abs(raw).max() < np.pi)


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
        """Return whether a range of values lies in the gripper's stroke."""
        slack = SLACK * self.stroke
        return min(self.closed, self.open) - slack <= low and high <= max(self.closed, self.open) + slack

    def is_at_end(self, value: float) -> bool:
        """Return whether a value lies at one of the ends."""
        return any(abs(value - end) < _AT_AN_END * self.stroke for end in (self.closed, self.open))

    def is_swept(self, low: float, high: float) -> bool:
        """Return whether a range of values is the whole stroke."""
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
    """Judge the positions of one gripper; `seen` is OPEN or CLOSED where an operator has looked at it, else empty."""
    raw, strokes = readings.raw[:, column], readings.positions[:, column]
    low, high = float(raw.min()), float(raw.max())
    own = GripperUnit("", float(readings.closed[column]), float(readings.open[column]))
    expected = f"{own.closed:g} (closed) to {own.open:g} (open)"
    reported = f"{readings.driver_names[column]} = {_range(low, high)}"
    if not own.holds(low, high):
        fitting = [unit.title for unit in UNITS if unit.holds(low, high)]
        looks = f"this may be {' or '.join(fitting)}: " if fitting else ""
        return failed(name, reported, expected, f"{looks}correct the driver, or the unit of its profile")
    words = f"{reported}, which reads {_PERCENT * strokes[-1]:.0f} % open"
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
