# SPDX-License-Identifier: Apache-2.0
"""Size and rate of the images that the cameras of a scene give."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.schema import Section


@dataclass(frozen=True)
class SceneImages:
    """What every camera of the scene gives, unless a parameter of the simulator says otherwise."""

    width_px: int
    height_px: int
    rate_hz: float

    @classmethod
    def read(cls, section: Section) -> SceneImages:
        """Read `images`; raise EmbodimentError if it cannot be used."""
        images = cls(section.integer("width_px"), section.integer("height_px"), section.number("rate_hz"))
        section.finish()
        return images
