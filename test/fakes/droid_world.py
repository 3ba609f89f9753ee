# SPDX-License-Identifier: Apache-2.0
"""Builders shared by the tests of the simulation."""

from __future__ import annotations

import functools

import numpy as np

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.sim import JointTrajectory, Scene, SceneDescription, Simulation

S = 1_000_000_000
ROBOT = Embodiment.load("droid")
ARM, GRIPPER = 0, 1  # groups of the driver profile


@functools.cache
def droid_scene() -> Scene:
    return Scene.build(ROBOT, SceneDescription.load(ROBOT))


def droid_simulation(time_ns: int = S) -> Simulation:
    return Simulation(ROBOT, droid_scene(), ROBOT.driver("franka_ros2_robotiq_forward"), "home", time_ns)


def swing(simulation: Simulation, seconds: float = 2.0, reach_rad: float | np.ndarray = 0.4) -> JointTrajectory:
    """Move the arm joints by `reach_rad`, one value or seven, and stop there, as (1 - cos) / 2 does."""
    times = np.linspace(0.05, seconds, round(seconds / 0.05))
    phase, rate = np.pi * times / seconds, np.pi / seconds
    shape, speed = (1 - np.cos(phase)) / 2, rate * np.sin(phase) / 2
    speed[-1] = 0.0
    start = simulation.state(ARM).positions
    return JointTrajectory(
        0,
        simulation.state(ARM).names,
        times,
        start + reach_rad * shape[:, None],
        np.outer(speed, np.broadcast_to(reach_rad, 7)),
    )
