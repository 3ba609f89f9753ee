# SPDX-License-Identifier: Apache-2.0
"""Whether positions are numbers, and lie where the joints can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import Affine, Joint

from .check import Check, failed, ok, warning
from .group_readings import GroupReadings

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
