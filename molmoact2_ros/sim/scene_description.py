# SPDX-License-Identifier: Apache-2.0
"""The world of one robot as data: servos, objects, lights and cameras, read from config/scenes/<robot>.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from molmoact2_ros.embodiment import Embodiment, EmbodimentError, share_folder
from molmoact2_ros.schema import Section, listed, read_yaml

from .scene_camera import SceneCamera
from .scene_images import SceneImages
from .scene_object import SceneObject
from .servo import Servo

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class SceneDescription:
    """What surrounds a robot. `lights` are positions; `noise_levels` is the cameras' noise: deviation, of 255."""

    timestep_s: float
    noise_levels: float
    images: SceneImages
    servos: dict[str, Servo]
    cameras: dict[str, SceneCamera]
    objects: tuple[SceneObject, ...]
    lights: tuple[Triple, ...]

    @classmethod
    def load(cls, embodiment: Embodiment, path: str | Path = "") -> SceneDescription:
        """Load the scene of a robot.

        Args:
            embodiment: the robot; each of its joints needs a servo, each of its cameras a place.
            path: another file than the shipped one.

        Raises:
            EmbodimentError: no such file, or its content cannot be used; says what to change.
        """
        file = Path(path) if path else share_folder() / "config" / "scenes" / f"{embodiment.name}.yaml"
        if not file.is_file():
            raise EmbodimentError(f"no scene file {file}; the simulator needs one for {embodiment.name}")
        scene = cls._read(Section(read_yaml(file), file.name))
        _expect(f"{file.name}.joints", list(scene.servos), embodiment.joint_names)
        _expect(f"{file.name}.cameras", list(scene.cameras), embodiment.camera_roles)
        return scene

    @classmethod
    def _read(cls, section: Section) -> SceneDescription:
        scene = cls(
            timestep_s=section.number("timestep_s"),
            noise_levels=section.number("noise_levels"),
            images=SceneImages.read(section.section("images")),
            servos={name: Servo.read(entry) for name, entry in section.named_sections("joints").items()},
            cameras={role: SceneCamera.read(role, entry) for role, entry in section.named_sections("cameras").items()},
            objects=tuple(SceneObject.read(name, e) for name, e in section.named_sections("objects").items()),
            lights=tuple(_light(entry) for entry in section.sections("lights")),
        )
        section.finish()
        return scene


def _light(section: Section) -> Triple:
    x, y, z = section.numbers("position", 3)
    section.finish()
    return x, y, z


def _expect(where: str, found: list[str], expected: tuple[str, ...]) -> None:
    if sorted(found) != sorted(expected):
        raise EmbodimentError(
            f"{where}: expected {', '.join(expected)}, which the embodiment has; got {listed(found)}; make the "
            "scene file and the embodiment file agree"
        )
