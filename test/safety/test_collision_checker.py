# SPDX-License-Identifier: Apache-2.0
"""Hands, links and table of the DROID robot: poses on both sides of each limit, and what may touch what."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.safety_state import Cause, Verdict
from molmoact2_ros.safety import CollisionChecker, SafetyError
from molmoact2_ros.safety.collision_checker import MOST_POINTS, STEP_ARM_RAD
from molmoact2_ros.safety.collision_model import CollisionModel

ROBOT = Embodiment.load("droid")
CHECKER = CollisionChecker.load(ROBOT)
HOME = ROBOT.pose("home")
STILL = np.zeros(8)
LOW_M, HIGH_M = np.array(ROBOT.geometry.tcps[0].low_m), np.array(ROBOT.geometry.tcps[0].high_m)


def _pose(**joints: float) -> np.ndarray:
    pose = HOME.copy()
    for name, value in joints.items():
        pose[ROBOT.joint_names.index(name)] = value
    return pose


def _cause(verdict: Verdict | None) -> Cause:
    return Cause.NONE if verdict is None else verdict.cause


def _with(**changes: object) -> CollisionChecker:
    return CollisionChecker.load(dataclasses.replace(ROBOT, geometry=dataclasses.replace(ROBOT.geometry, **changes)))


def _swing(joint: str, speeds: list[float], step_s: float = 0.02) -> JointCommand:
    """Move one joint from home at these speeds."""
    velocities = np.outer(speeds, np.eye(8)[ROBOT.joint_names.index(joint)])
    positions = HOME + np.cumsum(velocities, axis=0) * step_s
    return JointCommand(0, 1, step_s, ROBOT.joint_names, 4, positions, velocities, 0, 0)


@pytest.mark.parametrize("name", ROBOT.poses)
def test_every_pose_of_the_file_is_allowed(name: str) -> None:
    assert CHECKER.check(ROBOT.pose(name), STILL) is None


# Along this way the arm bends down in front until the open finger tips reach the table.
@pytest.mark.parametrize("gripper", [0.0, 1.0])
def test_the_finger_tips_come_to_the_table_and_no_farther(gripper: float) -> None:
    ways = [_pose(joint2=-0.63 + bend, joint6=1.885 + bend, gripper=gripper) for bend in np.linspace(0, 1, 201)]
    verdicts = [CHECKER.check(way, STILL) for way in ways]
    first = next(verdict for verdict in verdicts if verdict is not None)
    assert first.cause is Cause.COLLISION
    assert "finger_tip_link would" in first.text
    assert "the table" in first.text
    assert -0.004 < first.value < first.limit == ROBOT.geometry.table_margin_m
    begin = verdicts.index(first)
    assert begin > 50
    assert all(verdict is not None for verdict in verdicts[begin:])


def test_a_closed_gripper_reaches_farther_than_an_open_one() -> None:
    heights = []
    for gripper in (0.0, 1.0):
        low = 0
        while CHECKER.check(_pose(joint2=-0.63 + low / 500, joint6=1.885 + low / 500, gripper=gripper), STILL) is None:
            low += 1
        heights.append(low)
    assert heights[0] < heights[1]


@pytest.mark.parametrize(
    ("joints", "links"),
    [
        ({"joint2": -1.6, "joint4": -2.9, "joint6": 1.0}, ("robotiq", "fr3_link")),
        ({"joint1": 0.0, "joint2": 1.6, "joint4": -0.2}, ("table",)),
        ({"joint4": -2.94, "joint6": 0.6, "joint2": -1.2}, ("fr3_link",)),
    ],
)
def test_an_arm_that_folds_into_itself_or_the_table_collides(joints: dict[str, float], links: tuple[str, ...]) -> None:
    verdict = CHECKER.check(_pose(**joints), STILL)
    assert verdict is not None
    assert verdict.cause is Cause.COLLISION
    assert all(link in verdict.text for link in links)
    assert verdict.value < verdict.limit


@pytest.mark.parametrize("gripper", np.linspace(-0.03, 1.03, 12))
def test_a_gripper_never_collides_with_itself(gripper: float) -> None:
    assert CHECKER.check(_pose(gripper=gripper), STILL) is None


@pytest.mark.parametrize("joint", ROBOT.joints[3:7], ids=lambda joint: joint.name)
def test_a_joint_alone_may_go_from_limit_to_limit(joint) -> None:
    for value in np.linspace(joint.low, joint.high, 25):
        verdict = CHECKER.check(_pose(**{joint.name: value}), STILL)
        # Bent that far, the camera meets the forearm, and the stretched arm its workspace.
        odd = verdict is not None and ("wrist_camera_link" in verdict.text or verdict.cause is Cause.WORKSPACE)
        assert verdict is None or odd, (value, verdict)


def test_a_tcp_outside_its_workspace_is_named_with_axis_value_and_limit() -> None:
    up = _pose(joint2=0.0, joint4=-0.2, joint6=2.0)
    verdict = CHECKER.check(up, STILL, point=5)
    assert verdict is not None
    assert (verdict.cause, verdict.step, verdict.limit) == (Cause.WORKSPACE, 5, 1.0)
    assert verdict.value > 1.0
    assert "would go to z = " in verdict.text
    assert _cause(_with(tcps=(dataclasses.replace(ROBOT.geometry.tcps[0], high_m=(1, 1, 2)),)).check(up, STILL)) is (
        Cause.NONE
    )


@pytest.mark.parametrize(("ratio", "cause"), [(0.99, Cause.NONE), (1.01, Cause.TCP_SPEED_LIMIT)])
def test_the_speed_of_the_tcp_is_the_joint_speed_times_its_reach(ratio: float, cause: Cause) -> None:
    reach_m = float(np.hypot(*_tcp_at(HOME)[:2]))
    verdict = CHECKER.check(HOME, ratio * 1.125 / reach_m * np.eye(8)[0])
    assert _cause(verdict) is cause
    assert verdict is None or (verdict.value, verdict.limit) == (pytest.approx(ratio * 1.125), 1.125)


def _tcp_at(pose: np.ndarray) -> np.ndarray:
    CHECKER._place(pose, STILL)
    (body, tcp), data = CHECKER._model.tcps[0], CHECKER._data
    return data.xpos[body] + data.xmat[body].reshape(3, 3) @ tcp.point_m


def test_the_tcp_is_between_the_open_finger_tips() -> None:
    between = _tcp_at(HOME)
    tips = [CHECKER._data.body(f"robotiq_85_{side}_finger_tip_link").xpos for side in ("left", "right")]
    assert np.linalg.norm(between - np.mean(tips, axis=0)) < 0.05


def test_a_still_command_is_judged_where_it_ends() -> None:
    assert CHECKER.points_of(_swing("joint1", [0.0] * 10)) == [0, 9]


@pytest.mark.parametrize("full_rad_s", [0.1, 1.0, 1.7, 2.0, 2.4, 4.0])
def test_of_a_fast_command_no_more_is_left_out_than_a_step_or_one_segment(full_rad_s: float) -> None:
    speeds = [full_rad_s] * 4 + [full_rad_s * left / 10 for left in range(9, -1, -1)]
    command = _swing("joint1", speeds)
    points = CHECKER.points_of(command)
    assert points[-1] == len(speeds) - 1
    gaps = np.diff(command.positions[:, 0][[0, *points]])
    assert gaps.max() <= max(STEP_ARM_RAD, full_rad_s * 0.02) + 1e-9


def test_the_number_of_poses_is_bounded_and_what_is_left_out_lies_evenly_between() -> None:
    speeds = [2.51] * 4 + [2.51 * left / 25 for left in range(24, -1, -1)]
    command = _swing("joint7", speeds)
    points = CHECKER.points_of(command)
    assert len(points) <= MOST_POINTS + 2
    assert np.diff(command.positions[:, 6][points]).max() <= 2 * 2.51 * 0.02 + 1e-9


def test_a_brake_that_ends_in_the_table_is_refused_though_the_motion_is_clear() -> None:
    low = _pose(joint2=-0.63 + 0.3, joint6=1.885 + 0.3)
    command = _swing("joint2", [0.5] * 4 + [0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0.0])
    down = 0
    while CHECKER.check(low, STILL) is None and down < 500:
        low, down = low + 0.002 * np.eye(8)[1], down + 1
    near = dataclasses.replace(command, positions=command.positions - command.positions[3] + low - 0.01 * np.eye(8)[1])
    assert CHECKER.check(near.positions[3], near.velocities[3]) is None
    verdict = CHECKER.check_command(near)
    assert verdict is not None
    assert verdict.cause is Cause.COLLISION
    assert verdict.step > 3


def test_a_table_that_touches_a_pose_of_the_file_fails_the_configure() -> None:
    with pytest.raises(SafetyError, match=r"in the pose home .* from the table; correct the pose, or geometry.table_h"):
        _with(table_height_m=0.5)


@pytest.mark.parametrize("changes", [{"ignored_pairs": {"fr3_link1": "elbow"}}, {"tcps": "elbow"}])
def test_a_link_that_the_urdf_lacks_fails_the_configure(changes: dict[str, object]) -> None:
    if "tcps" in changes:
        changes = {"tcps": (dataclasses.replace(ROBOT.geometry.tcps[0], link="elbow"),)}
    with pytest.raises(SafetyError, match="has no elbow, which droid names"):
        _with(**changes)


def test_a_urdf_that_cannot_be_read_fails_the_configure(tmp_path) -> None:
    broken = tmp_path / "broken.urdf"
    broken.write_text("<robot")
    with pytest.raises(SafetyError, match="cannot use"):
        CollisionChecker.load(dataclasses.replace(ROBOT, urdf=broken))


TWO_ARMS = """<robot name="two"><link name="base"/>
  <joint name="left" type="revolute"><parent link="base"/><child link="left_link"/><origin xyz="0 0.2 0.5"/>
    <axis xyz="0 0 1"/><limit lower="-2" upper="2" velocity="2" effort="1"/></joint>
  <link name="left_link"><collision><origin xyz="0.2 0 0"/><geometry><box size="0.4 0.05 0.05"/></geometry></collision>
    <visual><geometry><mesh filename="nowhere.stl"/></geometry></visual></link>
  <joint name="right" type="revolute"><parent link="base"/><child link="right_link"/><origin xyz="0 -0.2 0.5"/>
    <axis xyz="0 0 1"/><limit lower="-2" upper="2" velocity="2" effort="1"/></joint>
  <link name="right_link"><collision><origin xyz="0.2 0 0"/><geometry><box size="0.4 0.05 0.05"/></geometry></collision>
  </link>
  <joint name="copy" type="revolute"><parent link="right_link"/><child link="copy_link"/><origin xyz="0.4 0 0"/>
    <axis xyz="0 0 1"/><limit lower="-2" upper="2" velocity="2" effort="1"/>
    <mimic joint="right" multiplier="-1"/></joint>
  <link name="copy_link"><collision><origin xyz="0.1 0 0"/><geometry><box size="0.1 0.02 0.02"/></geometry></collision>
  </link>
</robot>"""


@pytest.fixture
def two_arms(tmp_path) -> CollisionChecker:
    """Two bars that turn about upright axes 0.4 m apart, the right one with a tip that keeps its direction."""
    (tmp_path / "two.urdf").write_text(TWO_ARMS)
    joints = tuple(
        dataclasses.replace(ROBOT.joints[0], name=name, urdf_joint=name, low=-2.0, high=2.0)
        for name in ("left", "right")
    )
    tcp = dataclasses.replace(ROBOT.geometry.tcps[0], link="left_link", point_m=(0.4, 0, 0))
    geometry = dataclasses.replace(ROBOT.geometry, tcps=(tcp,), grippers={}, ignored_pairs={})
    robot = dataclasses.replace(
        ROBOT, joints=joints, poses={"home": (0.0, 0.0)}, geometry=geometry, urdf=tmp_path / "two.urdf"
    )
    return CollisionChecker.load(robot)


@pytest.mark.parametrize(("left", "right", "cause"), [(-0.3, 0.3, Cause.NONE), (-0.8, 0.8, Cause.COLLISION)])
def test_one_arm_is_held_against_the_other(two_arms: CollisionChecker, left: float, right: float, cause: Cause) -> None:
    verdict = two_arms.check(np.array([left, right]), np.zeros(2))
    assert _cause(verdict) is cause
    assert verdict is None or "left_link" in verdict.text


def test_mimic_joints_follow_and_visual_meshes_are_not_looked_for(two_arms: CollisionChecker) -> None:
    assert two_arms._model.qpos_of(np.array([0.1, 0.2])) == pytest.approx([0.1, 0.2, -0.2])
    assert two_arms._model.qvel_of(np.array([1.0, 2.0])) == pytest.approx([1.0, 2.0, -2.0])


def test_of_all_pairs_only_the_derived_and_the_named_ones_may_touch() -> None:
    model = CollisionModel.load(ROBOT).model
    excluded = {
        tuple(sorted(model.body(int(body)).name for body in divmod(int(signature), 1 << 16)))
        for signature in model.exclude_signature
    }
    arm = {pair for pair in excluded if all(name.startswith("fr3") for name in pair)}
    neighbours = {(f"fr3_link{index}", f"fr3_link{index + 1}") for index in range(7)} | {("fr3_link7", "fr3_link8")}
    two_apart = {("fr3_link1", "fr3_link3"), ("fr3_link3", "fr3_link5"), ("fr3_link5", "fr3_link7")}
    assert arm == neighbours | two_apart | {("fr3_link6", "fr3_link8")}  # link 8 is a part of link 7
