# SPDX-License-Identifier: Apache-2.0
"""The simulator's true depth as points in space: its calibration puts the table where the table is."""

from __future__ import annotations

import numpy as np
import pytest

mujoco = pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")

from molmoact2_ros.embodiment import Embodiment, shipped_embodiments
from molmoact2_ros.processing.pinhole import Pinhole
from molmoact2_ros.sim import Cameras, Scene, SceneDescription, Simulation, SimulationError

pytestmark = pytest.mark.sim

WIDTH, HEIGHT = 160, 90


@pytest.mark.parametrize("name", shipped_embodiments())
def test_the_table_lies_where_the_points_say(name: str) -> None:
    robot = Embodiment.load(name)
    description = SceneDescription.load(robot)
    scene = Scene.build(robot, description)
    qpos = Simulation(robot, scene, next(iter(robot.drivers.values())), "home", 0).snapshot()
    role = robot.camera_roles[0]
    try:
        cameras = Cameras(scene, WIDTH, HEIGHT, 0)
    except SimulationError as error:
        pytest.skip(str(error))
    try:
        depth_m = cameras.look(role, qpos).depth_m
    finally:
        cameras.close()
    focal_px = description.cameras[role].focal_px(HEIGHT)
    pinhole = Pinhole(WIDTH, HEIGHT, focal_px, focal_px, (WIDTH - 1) / 2, (HEIGHT - 1) / 2)
    heights_m = _in_world(scene, role, qpos, pinhole.points(depth_m))[..., 2].ravel()
    # Where most of what the camera sees lies.
    counts, edges = np.histogram(heights_m, bins=np.arange(-1.0, 2.0, 0.002))
    table_m = edges[counts.argmax()] + 0.001
    assert table_m == pytest.approx(robot.geometry.table_height_m, abs=0.003)
    assert (np.abs(heights_m - table_m) < 0.003).mean() > 0.2


def _in_world(scene: Scene, role: str, qpos: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Turn points of a camera's optical frame (z forward, y down) into the world's; MuJoCo's cameras look along -z."""
    data = mujoco.MjData(scene.model)
    data.qpos[:] = qpos
    mujoco.mj_forward(scene.model, data)
    camera = data.camera(role)
    return points * (1, -1, -1) @ camera.xmat.reshape(3, 3).T + camera.xpos
