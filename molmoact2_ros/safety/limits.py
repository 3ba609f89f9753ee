# SPDX-License-Identifier: Apache-2.0
"""What each joint may be commanded to do: the strictest of the embodiment file and the URDF."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import Embodiment, Joint

from .errors import SafetyError

Vector = NDArray[np.float64]
Range = tuple[float, float, float]  # low, high, largest speed


@dataclass(frozen=True)
class Limits:
    """Arrays [joints] float64 in the embodiment's order and units; `low` and `high` already stand off by the margin.

    The URDF narrows arm joints only: it gives the gripper in the driver's unit.
    """

    names: tuple[str, ...]
    is_gripper: NDArray[np.bool_]
    low: Vector
    high: Vector
    velocity: Vector
    acceleration: Vector
    jerk: Vector

    @classmethod
    def of(cls, embodiment: Embodiment, urdf: str, gripper_overrun: float = 0.0) -> Limits:
        """Intersect the embodiment's limits with those of a URDF.

        Args:
            embodiment: the robot.
            urdf: XML text.
            gripper_overrun: how far outside its range a gripper may be commanded; a real one reads a little below 0 or
                above 1 at its ends, and the command that holds it there must pass.

        Raises:
            SafetyError: not XML, an arm joint is missing in it, or the two leave a joint no room.
        """
        described = _urdf_ranges(urdf)
        ranges = np.array([_intersect(joint, described, gripper_overrun) for joint in embodiment.joints])
        return cls(
            names=embodiment.joint_names,
            is_gripper=embodiment.is_gripper,
            low=ranges[:, 0],
            high=ranges[:, 1],
            velocity=ranges[:, 2],
            acceleration=embodiment.limits("acceleration"),
            jerk=embodiment.limits("jerk"),
        )

    @classmethod
    def load(cls, embodiment: Embodiment, gripper_overrun: float = 0.0) -> Limits:
        """As `of`, with the embodiment's own URDF file.

        Raises:
            SafetyError: as `of`, or the file cannot be read.
        """
        try:
            urdf = embodiment.urdf.read_text()
        except OSError as error:
            raise SafetyError(f"{embodiment.name}: cannot read its URDF {embodiment.urdf}: {error.strerror}") from error
        return cls.of(embodiment, urdf, gripper_overrun)

    def slowed(self, scale: float) -> Limits:
        """Return them with the largest speeds scaled, for bring-up."""
        return replace(self, velocity=scale * self.velocity)

    def unit(self, joint: int, suffix: str = "") -> str:
        """Return the unit of a joint for a sentence, with a leading space; `suffix` is `/s`, `/s2`, `/s3`."""
        if self.is_gripper[joint]:
            return f" 1{suffix}" if suffix else ""
        return f" rad{suffix}"


def _urdf_ranges(urdf: str) -> dict[str, Range]:
    try:
        root = ElementTree.fromstring(urdf)
    except ElementTree.ParseError as error:
        raise SafetyError(f"the URDF is not valid XML: {error}") from error
    return {str(joint.get("name")): _urdf_range(joint) for joint in root.iter("joint")}


def _urdf_range(joint: ElementTree.Element) -> Range:
    limit = joint.find("limit")
    content = {} if limit is None else limit.attrib
    keys = {"lower": -math.inf, "upper": math.inf, "velocity": math.inf}
    if joint.get("type") == "continuous":
        content = {key: value for key, value in content.items() if key == "velocity"}
    try:
        low, high, speed = (float(content.get(key, default)) for key, default in keys.items())
    except ValueError:
        low = high = speed = math.nan
    if any(map(math.isnan, (low, high, speed))):
        raise SafetyError(f"the URDF has a limit of {joint.get('name')} that is not a number: {dict(content)}")
    return low, high, speed


def _intersect(joint: Joint, described: dict[str, Range], gripper_overrun: float) -> Range:
    if joint.is_gripper:
        return joint.low + joint.margin - gripper_overrun, joint.high - joint.margin + gripper_overrun, joint.velocity
    if joint.urdf_joint not in described:
        raise SafetyError(
            f"the URDF has no joint {joint.urdf_joint} (for {joint.name}); correct `urdf_joint` in the embodiment file"
        )
    urdf_low, urdf_high, urdf_speed = described[joint.urdf_joint]
    low, high = max(joint.low, urdf_low) + joint.margin, min(joint.high, urdf_high) - joint.margin
    speed = min(joint.velocity, urdf_speed)
    if low >= high or speed <= 0:
        raise SafetyError(
            f"{joint.name}: the embodiment ({joint.low}..{joint.high}) and the URDF ({urdf_low}..{urdf_high}, at most "
            f"{urdf_speed} rad/s) leave it no room to move; correct one of them"
        )
    return low, high, speed
