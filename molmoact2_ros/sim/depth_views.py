# SPDX-License-Identifier: Apache-2.0
"""True depth of a robot's first camera, over random poses of the arm, places of the objects and camera shifts."""

from __future__ import annotations

from collections.abc import Iterator

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import Embodiment

from .cameras import Cameras
from .scene import Scene
from .scene_description import SceneDescription
from .simulation import Simulation

Array = NDArray[np.float64]

POSE_RAD = 0.6  # to either side of the home pose, within the limits
PLACE_M = 0.15  # to either side of where the scene file puts an object
# No lab hangs its camera where the scene file does; this far to either side, and about each axis.
CAMERA_M, CAMERA_RAD = 0.05, 0.06


def random_depth_views(robot: Embodiment, count: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """Yield depth maps [H, W] of the first camera, in m along its axis, at the size of the scene's images.

    Grippers stay as in the home pose, and arms may reach into the table: what matters is the variety of shapes.

    Args:
        robot: whose scene.
        count: of maps.
        seed: of everything random.

    Raises:
        SimulationError: this machine cannot render.
    """
    random = np.random.default_rng(seed)
    scene = Scene.build(robot, SceneDescription.load(robot))
    home = Simulation(robot, scene, next(iter(robot.drivers.values())), "home", 0).snapshot()
    size, role = scene.description.images, robot.camera_roles[0]
    camera = scene.model.camera(role)
    place, turn = camera.pos.copy(), camera.quat.copy()
    cameras = Cameras(scene, size.width_px, size.height_px, seed)
    try:
        for _ in range(count):
            camera.pos[:] = place + random.uniform(-CAMERA_M, CAMERA_M, 3)
            mujoco.mju_mulQuat(camera.quat, turn, _small_turn(random))
            yield cameras.look(role, _draw_positions(robot, scene, home, random)).depth_m
    finally:
        cameras.close()


def _draw_positions(robot: Embodiment, scene: Scene, home: Array, random: np.random.Generator) -> Array:
    qpos, arm = home.copy(), ~robot.is_gripper
    pose = robot.pose("home") + random.uniform(-POSE_RAD, POSE_RAD, len(robot.joints))
    qpos[scene.qpos[arm]] = np.clip(pose, robot.limits("low"), robot.limits("high"))[arm]
    for thing in scene.description.objects:
        if thing.mass_kg:
            start = int(scene.model.joint(thing.name).qposadr[0])
            yaw = random.uniform(-np.pi, np.pi)
            qpos[start : start + 2] += random.uniform(-PLACE_M, PLACE_M, 2)
            qpos[start + 3 : start + 7] = np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)
    return qpos


def _small_turn(random: np.random.Generator) -> Array:
    half = random.uniform(-CAMERA_RAD, CAMERA_RAD, 3) / 2
    turn = np.concatenate(([1.0], half))
    return turn / np.linalg.norm(turn)
