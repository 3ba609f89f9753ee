# SPDX-License-Identifier: Apache-2.0
"""One camera of a scene: where it hangs and how wide it looks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from molmoact2_ros.embodiment.errors import EmbodimentError
from molmoact2_ros.schema import Section

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class SceneCamera:
    """A pinhole camera on a link, or on `world`. Lengths in m, in the frame of the parent; `fovy_deg` is vertical."""

    role: str
    parent: str
    position: Triple
    forward: Triple
    up: Triple
    fovy_deg: float

    @classmethod
    def read(cls, role: str, section: Section) -> SceneCamera:
        """Read one entry of `cameras`.

        Raises:
            EmbodimentError: a key is missing or unknown, or `forward` and `up` are parallel.
        """
        camera = cls(
            role=role,
            parent=section.text("parent"),
            position=_triple(section, "position"),
            forward=_triple(section, "forward"),
            up=_triple(section, "up"),
            fovy_deg=section.number("fovy_deg"),
        )
        section.finish()
        if np.linalg.norm(np.cross(camera.forward, camera.up)) < 1e-6:
            raise EmbodimentError(f"{section.where}: expected forward and up in different directions")
        return camera

    def focal_px(self, height_px: int) -> float:
        """Return the focal length, px, of images of this height."""
        return height_px / 2 / math.tan(math.radians(self.fovy_deg) / 2)

    def axes(self) -> tuple[float, ...]:
        """Return the image's right and up directions, six numbers, as MuJoCo's xyaxes has them."""
        forward = np.array(self.forward) / np.linalg.norm(self.forward)
        right = np.cross(forward, self.up)
        right /= np.linalg.norm(right)
        return (*right.tolist(), *np.cross(right, forward).tolist())


def _triple(section: Section, key: str) -> Triple:
    x, y, z = section.numbers(key, 3)
    return x, y, z
