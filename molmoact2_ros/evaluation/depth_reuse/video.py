# SPDX-License-Identifier: Apache-2.0
"""Simulator video of a robot's first camera with its true depth: the situations of `molmoact2 think-eval`.

Axes: F frames, C cells of the depth grid in reading order.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.processing.images import ByteImage
from molmoact2_ros.sim import Cameras, Scene, SceneDescription, Simulation
from molmoact2_ros.sim.reference_motion import PERIOD_S, DemoMotion

FRAME_RATE_HZ = 15.0
LEVELS = 128  # depth codes of the released checkpoints; here: equal steps of depth, nearest to farthest
SLOW = 0.2  # of the loop's speed
DIMMED, DARK = 0.5, 0.15  # brightness at the end of a drift; of a dark room
BUMP_DEG = 1.0
SHINY = 0.35  # reflectance of table and mat
SHINY_OBJECTS = ("table", "mat")


@dataclass(frozen=True)
class Situation:
    """One way in which a scene changes. `speed` is the arm's, in parts of the demo's loop; 0: it stands."""

    name: str
    about: str
    speed: float = 0.0
    lamps: float = 1.0  # brightness of the lamps at the end
    exposure: float = 1.0  # brightness of the whole image at the end
    room: float = 1.0  # brightness of the whole image throughout
    shiny: bool = False
    bump: bool = False


SITUATIONS = (
    Situation("still", "nothing moves"),
    Situation("moving", "the arm goes round the demo's loop", speed=1.0),
    Situation("slow", "the same at a fifth of the speed", speed=SLOW),
    Situation("lamps", "the arm moves, the lamps fade to a half", speed=1.0, lamps=DIMMED),
    Situation("exposure", "slow arm, the camera's exposure drifts to a half", speed=SLOW, exposure=DIMMED),
    Situation("dark", "nothing moves, 15 % of the light", room=DARK),
    Situation("dark_moving", "the arm moves, 15 % of the light", speed=1.0, room=DARK),
    Situation("shiny", "the arm moves over a table that mirrors it", speed=1.0, shiny=True),
    Situation("bump", "nothing moves, the camera is turned by 1 degree half-way", bump=True),
)


@dataclass(frozen=True, eq=False)
class Clip:
    """A video without noise, and the truth about it.

    Attributes:
        robot: name of the embodiment.
        situation: what happens.
        images: F of uint8 [H, W, 3] RGB.
        levels: [F, C] mean depth of each cell, in 1/128 of the scene's range.
        level_m: m of depth per level.
    """

    robot: str
    situation: str
    images: list[ByteImage]
    levels: NDArray[np.float64]
    level_m: float

    def noisy(self, deviation: float, seed: int, jpeg_quality: int = 0) -> Iterator[ByteImage]:
        """Yield the images as a camera would send them.

        Args:
            deviation: of the sensor's noise, independent in every pixel, grey levels.
            seed: of the noise.
            jpeg_quality: 1 to 95: as images come out of such a compression; 0: as they are.
        """
        random = np.random.default_rng(seed)
        for image in self.images:
            noise = deviation * random.standard_normal(image.shape, np.float32)
            noisy = np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
            yield _compressed(noisy, jpeg_quality) if jpeg_quality else noisy


def make_clip(robot: Embodiment, situation: Situation, frames: int, grid: int) -> Clip:
    """Render one situation.

    Args:
        robot: whose scene and first camera.
        situation: what happens.
        frames: F, at 15 Hz.
        grid: cells along a side.

    Raises:
        SimulationError: this machine cannot render.
    """
    scene = Scene.build(robot, SceneDescription.load(robot))
    size, role = scene.description.images, robot.camera_roles[0]
    cameras = Cameras(scene, size.width_px, size.height_px, 0, reflections=situation.shiny)
    images, depths = [], []
    try:
        _prepare(scene, situation)
        for index, qpos in enumerate(_poses(robot, scene, situation.speed, frames)):
            done = index / max(1, frames - 1)
            _disturb(scene, situation, role, index, frames)
            view = cameras.look(role, qpos)
            brightness = situation.room * (1 + (situation.exposure - 1) * done)
            images.append(np.rint(view.image * brightness).astype(np.uint8))
            depths.append(view.depth_m)
    finally:
        cameras.close()
    level_m = float(np.ptp(depths[0])) / LEVELS
    cells = np.stack([_cell_means(depth_m, grid) for depth_m in depths])
    return Clip(robot.name, situation.name, images, (cells - depths[0].min()) / level_m, level_m)


def _compressed(image: ByteImage, quality: int) -> ByteImage:
    stream = io.BytesIO()
    PilImage.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(PilImage.open(stream))


def _poses(robot: Embodiment, scene: Scene, speed: float, frames: int) -> Iterator[NDArray[np.float64]]:
    """Yield MuJoCo's positions along the demo's loop."""
    qpos = Simulation(robot, scene, next(iter(robot.drivers.values())), "home", 0).snapshot()
    loop = DemoMotion.of(robot).rows(robot.pose("home")[None], math.ceil(PERIOD_S * FRAME_RATE_HZ), FRAME_RATE_HZ)[0]
    for index in range(frames):
        place = (index * speed) % (len(loop) - 1)
        before, part = loop[int(place)], place % 1
        arm = before + part * (loop[int(place) + 1] - before)
        qpos[scene.qpos[~robot.is_gripper]] = arm[~robot.is_gripper]
        yield qpos.copy()


def _prepare(scene: Scene, situation: Situation) -> None:
    if situation.shiny:
        for name in SHINY_OBJECTS:
            scene.model.mat_reflectance[scene.model.material(name).id] = SHINY


def _disturb(scene: Scene, situation: Situation, role: str, index: int, frames: int) -> None:
    """Change the world from one frame to the next."""
    model = scene.model
    if index and situation.lamps != 1.0:
        model.light_diffuse[:] *= situation.lamps ** (1 / max(1, frames - 1))
    if situation.bump and index == frames // 2:
        half = math.radians(BUMP_DEG) / 2
        turned = np.empty(4)
        camera = model.camera(role).id
        mujoco.mju_mulQuat(turned, model.cam_quat[camera], np.array([math.cos(half), 0.0, math.sin(half), 0.0]))
        model.cam_quat[camera] = turned


def _cell_means(depth_m: NDArray[np.float32], grid: int) -> NDArray[np.float64]:
    """Return the mean depth of each cell [C]."""
    starts = [np.linspace(0, length, grid + 1).round().astype(int)[:-1] for length in depth_m.shape]
    sums = np.add.reduceat(np.add.reduceat(depth_m.astype(np.float64), starts[0], axis=0), starts[1], axis=1)
    counts = [np.diff([*start, length]) for start, length in zip(starts, depth_m.shape, strict=True)]
    return (sums / np.outer(*counts)).ravel()
