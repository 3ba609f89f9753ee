# SPDX-License-Identifier: Apache-2.0
"""One thing around the robot: furniture, or something to pick up."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.schema import Section

SHAPES = ("box", "cylinder", "sphere", "bowl")
FINISHES = ("plain", "checker", "speckle")
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class SceneObject:
    """A coloured shape in world coordinates.

    `size` in m: box width, depth, height; cylinder and bowl radius, radius, height; sphere its radius thrice.
    `mass_kg` 0 fixes it to the world. `finish` is the texture: plain, a checker board, or speckled like wood or stone.
    """

    name: str
    shape: str
    size: Triple
    position: Triple
    yaw_deg: float
    colour: Triple
    finish: str
    mass_kg: float

    @classmethod
    def read(cls, name: str, section: Section) -> SceneObject:
        """Read one entry of `objects`; raise EmbodimentError if it cannot be used."""
        width, depth, height = section.numbers("size", 3)
        x, y, z = section.numbers("position", 3)
        red, green, blue = section.numbers("colour", 3)
        thing = cls(
            name=name,
            shape=section.choice("shape", SHAPES),
            size=(width, depth, height),
            position=(x, y, z),
            yaw_deg=section.number("yaw_deg", 0.0),
            colour=(red, green, blue),
            finish=section.choice("finish", FINISHES, "plain"),
            mass_kg=section.number("mass_kg", 0.0),
        )
        section.finish()
        return thing
