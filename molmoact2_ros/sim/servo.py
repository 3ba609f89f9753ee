# SPDX-License-Identifier: Apache-2.0
"""How one simulated joint is driven."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.embodiment.affine import Affine
from molmoact2_ros.schema import Section


@dataclass(frozen=True)
class Servo:
    """Gains of a position servo with velocity feed-forward, in the unit of the URDF joint (rad or m).

    `unit` converts from this package's unit to the URDF's. `effort` caps the URDF's own limit.
    """

    unit: Affine
    stiffness: float
    damping: float
    armature: float
    friction: float
    effort: float

    @classmethod
    def read(cls, section: Section) -> Servo:
        """Read one entry of `joints`; raise EmbodimentError if it cannot be used."""
        unit = section.section("unit")
        servo = cls(
            unit=Affine.read(unit),
            stiffness=section.number("stiffness"),
            damping=section.number("damping"),
            armature=section.number("armature"),
            friction=section.number("friction"),
            effort=section.number("effort", 1e9),
        )
        unit.finish()
        section.finish()
        return servo
