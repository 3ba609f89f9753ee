# SPDX-License-Identifier: Apache-2.0
"""One joint of a robot: its limits and its place in the policy's vector."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.schema import Section

from .affine import Affine
from .errors import EmbodimentError

ARM = "arm"
GRIPPER = "gripper"


@dataclass(frozen=True)
class Joint:
    """A joint in this package's units: rad for an arm joint, 0 (closed) to 1 (open) for a gripper.

    `low` and `high` are the robot's limits; commands keep `margin` away from them. Velocity, acceleration and jerk are
    per second, squared, cubed. `policy` converts to the unit the policy was trained with.
    """

    name: str
    kind: str
    urdf_joint: str
    low: float
    high: float
    margin: float
    velocity: float
    acceleration: float
    jerk: float
    policy: Affine

    @classmethod
    def read(cls, section: Section) -> Joint:
        """Read one entry of `joints`.

        Raises:
            EmbodimentError: a key is missing or unknown, low >= high, or a limit is not positive.
        """
        low, high = section.numbers("position", 2)
        policy = section.section("policy")
        joint = cls(
            name=section.text("name"),
            kind=section.choice("kind", (ARM, GRIPPER)),
            urdf_joint=section.text("urdf_joint"),
            low=low,
            high=high,
            margin=section.number("margin"),
            velocity=section.number("velocity"),
            acceleration=section.number("acceleration"),
            jerk=section.number("jerk"),
            policy=Affine.read(policy),
        )
        policy.finish()
        section.finish()
        joint._check(section.where)
        return joint

    @property
    def is_gripper(self) -> bool:
        """Return whether the joint is a gripper."""
        return self.kind == GRIPPER

    def _check(self, where: str) -> None:
        if self.margin < 0 or self.low + self.margin >= self.high - self.margin:
            raise EmbodimentError(
                f"{where}.position: expected low < high with margin to spare, got {self.low}..{self.high}"
            )
        for key in ("velocity", "acceleration", "jerk"):
            if getattr(self, key) <= 0:
                raise EmbodimentError(f"{where}.{key}: expected a positive number, got {getattr(self, key)}")
