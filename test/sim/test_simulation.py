# SPDX-License-Identifier: Apache-2.0
"""The simulated arm follows like a controlled one: small lag, within its torque, and it stops when commands cease."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")
from fakes.droid_world import ARM, GRIPPER, ROBOT, S, droid_scene, droid_simulation, swing

from molmoact2_ros.embodiment import EmbodimentError
from molmoact2_ros.sim import CommandRefused, Scene, SceneDescription

pytestmark = pytest.mark.sim

LAG_LIMIT_RAD = 0.006
HOLD_LIMIT_RAD = 0.001
# Gripper upright around red_block, and 0.17 m above: from inverse kinematics on the URDF.
AT_BLOCK = np.array([-1.6511, -0.8435, 1.9649, -2.3127, 1.1650, 2.2925, 2.2770])
ABOVE_BLOCK = np.array([-1.3115, -0.7152, 1.4492, -2.2942, 0.8108, 2.0265, 2.4577])


def _advance(simulation, seconds: float) -> None:
    simulation.advance_to(simulation.time_ns + round(seconds * S))


def test_arm_holds_its_start_pose_against_gravity() -> None:
    simulation = droid_simulation()
    _advance(simulation, 1.0)
    assert np.abs(simulation.state(ARM).positions - ROBOT.pose("home")[:7]).max() < HOLD_LIMIT_RAD


def test_arm_follows_a_trajectory_within_a_few_milliradians() -> None:
    simulation = droid_simulation()
    simulation.command(ARM, swing(simulation))
    worst = 0.0
    for _ in range(250):
        _advance(simulation, 0.01)
        wanted, _ = simulation.groups[ARM].controller.sample(simulation.time_ns)
        worst = max(worst, float(np.abs(simulation.state(ARM).positions - wanted).max()))
    assert 1e-4 < worst < LAG_LIMIT_RAD


def test_arm_plays_out_the_trajectory_and_holds_when_commands_cease() -> None:
    simulation = droid_simulation()
    trajectory = swing(simulation)
    simulation.command(ARM, trajectory)
    _advance(simulation, 1.0)
    assert np.abs(simulation.state(ARM).velocities).max() > 0.1
    _advance(simulation, 1.0)
    _advance(simulation, 0.5)
    assert np.abs(simulation.state(ARM).velocities).max() < 0.005
    assert np.abs(simulation.state(ARM).positions - trajectory.positions[-1]).max() < 2 * HOLD_LIMIT_RAD


def test_torques_stay_within_the_limits_of_the_robot_when_the_command_jumps() -> None:
    simulation = droid_simulation()
    jump = swing(simulation, seconds=0.05, reach_rad=1.0)
    simulation.command(ARM, jump)
    _advance(simulation, 0.06)
    efforts = np.abs(simulation.state(ARM).efforts)
    assert (efforts <= np.array([87, 87, 87, 87, 12, 12, 12]) + 1e-6).all()
    assert efforts.max() > 11.0


def test_refused_command_leaves_the_arm_where_it_is() -> None:
    simulation = droid_simulation()
    with pytest.raises(CommandRefused):
        simulation.command(GRIPPER, np.zeros(3))
    _advance(simulation, 0.2)
    assert simulation.state(GRIPPER).positions == pytest.approx([0.0], abs=1e-3)


def test_gripper_closes_in_driver_units_with_its_whole_linkage() -> None:
    simulation = droid_simulation()
    simulation.command(GRIPPER, np.array([0.7929]))
    _advance(simulation, 1.0)
    model, positions = droid_scene().model, simulation.snapshot()
    assert simulation.state(GRIPPER).positions == pytest.approx([0.7929], abs=0.005)
    right = model.joint("robotiq_85_right_knuckle_joint").qposadr[0]
    assert positions[right] == pytest.approx(-0.7929, abs=0.01)


def test_same_commands_give_the_same_motion() -> None:
    ends = []
    for _ in range(2):
        simulation = droid_simulation()
        simulation.command(ARM, swing(simulation))
        _advance(simulation, 0.7)
        ends.append(simulation.snapshot())
    assert (ends[0] == ends[1]).all()


def test_long_pause_is_let_go_without_a_jump() -> None:
    simulation = droid_simulation()
    simulation.command(ARM, swing(simulation, seconds=4.0))
    _advance(simulation, 1.0)
    _advance(simulation, 60.0)
    assert simulation.lost_s == pytest.approx(59.0, abs=0.01)
    wanted, speed = simulation.groups[ARM].controller.sample(simulation.time_ns)
    assert np.abs(speed).max() > 0.1
    assert np.abs(simulation.state(ARM).positions - wanted).max() < LAG_LIMIT_RAD


def test_gripper_closes_on_a_block_and_lifts_it() -> None:
    simulation = droid_simulation()
    height = droid_scene().model.joint("red_block").qposadr[0] + 2
    for pose in (ABOVE_BLOCK, AT_BLOCK):
        simulation.command(ARM, swing(simulation, reach_rad=pose - simulation.state(ARM).positions))
        _advance(simulation, 1.0)
        _advance(simulation, 1.0)
    simulation.command(GRIPPER, np.array([0.7929]))
    _advance(simulation, 1.0)
    assert 0.4 < simulation.state(GRIPPER).positions[0] < 0.6  # the block is in the way
    simulation.command(ARM, swing(simulation, reach_rad=ABOVE_BLOCK - AT_BLOCK))
    _advance(simulation, 1.0)
    _advance(simulation, 1.0)
    assert simulation.snapshot()[height] == pytest.approx(0.19, abs=0.02)


def test_objects_rest_on_the_table() -> None:
    simulation = droid_simulation()
    _advance(simulation, 1.0)
    model = droid_scene().model
    for thing in droid_scene().description.objects:
        if thing.mass_kg:
            height = simulation.snapshot()[model.joint(thing.name).qposadr[0] + 2]
            assert height == pytest.approx(thing.position[2], abs=0.003), thing.name


def test_scene_file_that_lacks_a_joint_is_named(tmp_path: Path) -> None:
    text = (ROBOT.urdf.parents[1] / "config" / "scenes" / "droid.yaml").read_text()
    path = tmp_path / "scene.yaml"
    path.write_text("\n".join(line for line in text.splitlines() if "joint3:" not in line))
    with pytest.raises(EmbodimentError, match=r"scene.yaml.joints: expected joint1.*got.*make the scene file"):
        SceneDescription.load(ROBOT, path)


def test_camera_on_a_missing_link_is_named(tmp_path: Path) -> None:
    text = (ROBOT.urdf.parents[1] / "config" / "scenes" / "droid.yaml").read_text()
    path = tmp_path / "scene.yaml"
    path.write_text(text.replace("parent: wrist_camera_link", "parent: no_such_link"))
    with pytest.raises(ValueError, match="no link no_such_link for camera wrist"):
        Scene.build(ROBOT, SceneDescription.load(ROBOT, path))
