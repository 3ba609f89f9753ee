# SPDX-License-Identifier: Apache-2.0
"""Every shipped robot in its scene: it stands, moves and grips through each driver profile, and its cameras see it.

What is particular to DROID is in test_simulation.py and test_cameras.py.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")

from molmoact2_ros.embodiment import DIFFERENCES, JOINT_TRAJECTORY, STREAMED_TRAJECTORY, Embodiment, shipped_embodiments
from molmoact2_ros.sim import Cameras, JointTrajectory, Scene, SceneDescription, Simulation, SimulationError

pytestmark = pytest.mark.sim

S = 1_000_000_000
PROFILES = [
    (name, driver.name)
    for name in shipped_embodiments()
    for driver in Embodiment.load(name).drivers.values()
    if "i2rt_msgs" not in driver.extra_messages  # the simulator does not speak them
]
HOLD_LIMIT = 0.002  # rad, or part of a gripper's stroke
LAG_LIMIT_RAD, LATENESS_S = 0.01, 0.1
REACH, SECONDS, TICK_S = -0.1, 1.0, 0.01
# In view at the home pose: pixels of its colour, of an image of WIDTH x HEIGHT.
WIDTH, HEIGHT, SEEN_PX = 160, 90, 5


@functools.cache
def _scene(name: str) -> Scene:
    robot = Embodiment.load(name)
    return Scene.build(robot, SceneDescription.load(robot))


class _Robot:
    """A simulation whose state is read in this package's names and units."""

    def __init__(self, name: str, driver: str) -> None:
        self.robot = Embodiment.load(name)
        self.driver = self.robot.driver(driver)
        self.simulation = Simulation(self.robot, _scene(name), self.driver, "home", S)

    def advance(self, seconds: float) -> None:
        self.simulation.advance_to(self.simulation.time_ns + round(seconds * S))

    def measured(self) -> np.ndarray:
        positions = {}
        for index, group in enumerate(self.driver.groups):
            inside = group.unit.inside(self.simulation.state(index).positions)
            positions |= dict(zip(group.joints, inside, strict=True))
        return np.array([positions[name] for name in self.robot.joint_names])

    def command(self, target: np.ndarray) -> None:
        """Send setpoints of all joints, as one point or one vector: what every interface takes."""
        for index, group in enumerate(self.driver.groups):
            values = group.unit.outside(target[[self.robot.joint_names.index(joint) for joint in group.joints]])
            if group.interface in (JOINT_TRAJECTORY, STREAMED_TRAJECTORY):
                names = tuple(group.joints.values())
                self.simulation.command(index, JointTrajectory(0, names, np.array([TICK_S]), values[None]))
            else:
                self.simulation.command(index, values)


@pytest.mark.parametrize(("name", "driver"), PROFILES)
def test_robot_stands_at_home_in_the_drivers_units(name: str, driver: str) -> None:
    robot = _Robot(name, driver)
    robot.advance(1.0)
    np.testing.assert_allclose(robot.measured(), robot.robot.pose("home"), atol=HOLD_LIMIT)


@pytest.mark.parametrize(("name", "driver"), PROFILES)
def test_robot_follows_a_stream_of_setpoints_through_every_profile(name: str, driver: str) -> None:
    robot, home = _Robot(name, driver), Embodiment.load(name).pose("home")
    reach = np.where(robot.robot.is_gripper, 0.0, REACH)
    speed = np.pi / 2 * abs(REACH) / SECONDS
    for time_s in np.arange(TICK_S, SECONDS + TICK_S, TICK_S):
        wanted = home + reach * (1 - np.cos(np.pi * min(time_s, SECONDS) / SECONDS)) / 2
        robot.command(wanted)
        robot.advance(TICK_S)
        # A motor without a velocity target is late by damping / stiffness, I2RT's by 0.06 s.
        assert np.abs(robot.measured() - wanted).max() < LAG_LIMIT_RAD + LATENESS_S * speed
    robot.advance(0.15)
    np.testing.assert_allclose(robot.measured(), home + reach, atol=2 * HOLD_LIMIT)


@pytest.mark.parametrize(("name", "driver"), PROFILES)
def test_grippers_close_and_open_all_the_way(name: str, driver: str) -> None:
    robot = _Robot(name, driver)
    for gripper in (0.0, 1.0):
        target = np.where(robot.robot.is_gripper, gripper, robot.robot.pose("home"))
        for _ in range(20):
            robot.command(target)
            robot.advance(0.1)
        np.testing.assert_allclose(robot.measured()[robot.robot.is_gripper], gripper, atol=0.02)


def test_yam_fingers_move_together() -> None:
    robot = _Robot("yam", "yam_ros2_control_forward")
    robot.command(np.where(robot.robot.is_gripper, 0.2, robot.robot.pose("home")))
    robot.advance(1.0)
    model, positions = _scene("yam").model, robot.simulation.snapshot()
    fingers = [positions[model.joint(f"left_joint{index}").qposadr[0]] for index in (7, 8)]
    assert fingers == pytest.approx([-0.2 * 0.0475] * 2, abs=5e-4)


def test_a_driver_whose_velocities_are_of_no_use_reports_none_worth_reading() -> None:
    robot = _Robot("yam", "i2rt_ros2_jazzy_forward")
    robot.command(robot.robot.pose("home") + 0.05)
    robot.advance(0.05)
    useless = [i for i, group in enumerate(robot.driver.groups) if group.velocity == DIFFERENCES]
    assert useless
    assert all(not robot.simulation.state(index).velocities.any() for index in useless)


@pytest.mark.parametrize(
    ("name", "role", "colours"),
    [
        ("yam", "top", [(0.80, 0.12, 0.10), (0.16, 0.56, 0.22), (0.14, 0.27, 0.72)]),
        ("yam", "left", [(0.80, 0.12, 0.10)]),
        ("yam", "right", [(0.93, 0.45, 0.08)]),
        ("so101", "scene", [(0.80, 0.12, 0.10), (0.16, 0.56, 0.22), (0.14, 0.27, 0.72), (0.93, 0.76, 0.16)]),
        ("so101", "wrist", [(0.16, 0.56, 0.22), (0.93, 0.76, 0.16)]),
    ],
)
def test_cameras_see_the_things_on_the_table_and_the_arm(
    name: str, role: str, colours: list[tuple[float, float, float]]
) -> None:
    try:
        cameras = Cameras(_scene(name), WIDTH, HEIGHT, 0)
    except SimulationError as error:
        pytest.skip(str(error))
    robot = Embodiment.load(name)
    profile = next(driver for driver in robot.drivers.values() if not driver.extra_messages)
    image = cameras.render(role, Simulation(robot, _scene(name), profile, "home", S).snapshot())
    cameras.close()
    directions = image / np.maximum(np.linalg.norm(image.astype(float), axis=-1, keepdims=True), 1.0)
    for colour in colours:
        seen = directions @ (np.array(colour) / np.linalg.norm(colour)) > 0.985
        assert seen.sum() > SEEN_PX, colour


@pytest.mark.parametrize("name", shipped_embodiments())
def test_physics_and_images_leave_most_of_a_core_to_the_graph(name: str) -> None:
    """Counted in CPU time: other programs on the machine do not lengthen it."""
    import time

    driver = next(driver for driver in Embodiment.load(name).drivers.values() if not driver.extra_messages)
    robot = _Robot(name, driver.name)
    begin = time.process_time()
    robot.advance(1.0)
    assert time.process_time() - begin < 0.3
