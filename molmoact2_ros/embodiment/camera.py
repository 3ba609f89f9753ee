# SPDX-License-Identifier: Apache-2.0
"""One camera of a robot, known by its role."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.schema import Section

from .errors import EmbodimentError


@dataclass(frozen=True)
class Camera:
    """A camera as the policy was trained with it; its place in the embodiment's list is its place in the prompt.

    `key` is a part of the name that training data give this camera; `topic` is relative, for remapping; `rotate_deg`
    turns the driver's image clockwise before use; `frame_id` is what its images carry, empty where that is not known.
    """

    role: str
    key: str
    topic: str
    rotate_deg: int
    frame_id: str = ""

    @property
    def info_topic(self) -> str:
        """Where drivers publish its calibration: `camera_info` next to the images."""
        return "".join((*self.topic.rpartition("/")[:2], "camera_info"))

    @classmethod
    def read(cls, section: Section) -> Camera:
        """Read one entry of `cameras`; raise EmbodimentError if it cannot be used."""
        camera = cls(
            role=section.text("role"),
            key=section.text("key"),
            topic=section.text("topic"),
            rotate_deg=section.integer("rotate_deg"),
            frame_id=section.text("frame_id", ""),
        )
        if camera.rotate_deg not in (0, 90, 180, 270):
            raise EmbodimentError(f"{section.where}.rotate_deg: expected 0, 90, 180 or 270, got {camera.rotate_deg}")
        section.finish()
        return camera
