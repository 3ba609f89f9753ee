# SPDX-License-Identifier: Apache-2.0
"""Pictures of a simulated robot with their true depth as codes: what the demo's depth reasoning is taught.

A code here is a distance: the mean depth of a cell in 128 equal steps from 0.2 to 4 m along the camera's axis, nearest
first. The released checkpoints' codes are those of a trained auto-encoder, and mean something else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.policy.demo import DemoMotion, DepthScenes
from molmoact2_ros.sim import Cameras, Scene, SceneDescription, Simulation

NEAR_M, FAR_M = 0.2, 4.0
LEVELS = 128


def render_depth_scenes(robot: Embodiment, count: int, side: int, seed: int) -> DepthScenes:
    """Render the robot at random places of the demo's motion.

    Args:
        robot: whose scene and cameras.
        count: of scenes.
        side: cells along a side of the depth grid.
        seed: of the places and of the cameras' noise.

    Raises:
        SimulationError: this machine cannot render.
    """
    scene = Scene.build(robot, SceneDescription.load(robot))
    qpos = Simulation(robot, scene, next(iter(robot.drivers.values())), "home", seed).snapshot()
    states = DemoMotion.of(robot).draw_states(count, np.random.default_rng(seed))
    size = scene.description.images
    cameras = Cameras(scene, size.width_px, size.height_px, seed)
    images, codes = [], []
    try:
        for state in states:
            qpos[scene.qpos[~robot.is_gripper]] = state[~robot.is_gripper]
            images.append([cameras.render(role, qpos) for role in robot.camera_roles])
            codes.append(depth_codes(cameras.look(robot.camera_roles[0], qpos).depth_m, side))
    finally:
        cameras.close()
    return DepthScenes(states, images, np.stack(codes))


def depth_codes(depth_m: NDArray[np.float32], side: int) -> NDArray[np.int64]:
    """Return the codes [side * side] of a depth image [H, W], in reading order."""
    rows, columns = (np.linspace(0, length, side + 1).round().astype(int)[:-1] for length in depth_m.shape)
    sums = np.add.reduceat(np.add.reduceat(depth_m.astype(np.float64), rows, axis=0), columns, axis=1)
    pixels = np.add.reduceat(np.add.reduceat(np.ones(depth_m.shape), rows, axis=0), columns, axis=1)
    part = (sums / pixels - NEAR_M) / (FAR_M - NEAR_M)
    return np.clip(np.floor(part * LEVELS), 0, LEVELS - 1).astype(np.int64).ravel()
