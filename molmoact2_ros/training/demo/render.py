# SPDX-License-Identifier: Apache-2.0
"""Images of a simulated robot with the codes of their true depth: what the demo's depth reasoning is taught."""

from __future__ import annotations

import numpy as np

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.model.depth_vae import DepthCodec
from molmoact2_ros.sim import Cameras, DemoMotion, Scene, SceneDescription, Simulation

from .depth_scenes import DepthScenes


def render_depth_scenes(robot: Embodiment, count: int, codec: DepthCodec, seed: int) -> DepthScenes:
    """Render the robot at random places of the demo's motion.

    Args:
        robot: whose scene and cameras.
        count: of scenes.
        codec: gives the codes.
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
            codes.append(codec.encode(cameras.look(robot.camera_roles[0], qpos).depth_m).ravel())
    finally:
        cameras.close()
    return DepthScenes(states, images, np.stack(codes), codec.name)
