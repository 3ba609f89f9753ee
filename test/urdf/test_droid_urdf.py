# SPDX-License-Identifier: Apache-2.0
"""urdf/droid.urdf against the published tables, and against what the embodiment file asks of it.

The expected transforms and limits are restated here from franka_description (robots/fr3) and robotiq_description
(2f_85), and composed with numpy alone; the URDF is read by MuJoCo.
"""

from __future__ import annotations

import numpy as np
import pytest

mujoco = pytest.importorskip("mujoco", reason="reads the URDF: pip install mujoco")

from molmoact2_ros.embodiment import Embodiment

pytestmark = pytest.mark.sim

# (a, d, alpha) of franka_description's kinematics: x, along the joint's axis, rotation about x before it.
FR3_LINKS = [
    ((0.0, 0.0, 0.333), 0.0),
    ((0.0, 0.0, 0.0), -np.pi / 2),
    ((0.0, -0.316, 0.0), np.pi / 2),
    ((0.0825, 0.0, 0.0), np.pi / 2),
    ((-0.0825, 0.384, 0.0), -np.pi / 2),
    ((0.0, 0.0, 0.0), np.pi / 2),
    ((0.088, 0.0, 0.0), np.pi / 2),
]
FLANGE_M, COUPLING_M = 0.107, 0.018174
FR3_LIMITS_RAD = [
    (-2.7437, 2.7437),
    (-1.7837, 1.7837),
    (-2.9007, 2.9007),
    (-3.0421, -0.1518),
    (-2.8065, 2.8065),
    (0.5445, 4.5169),
    (-3.0159, 3.0159),
]
FR3_TORQUES_NM = [87, 87, 87, 87, 12, 12, 12]
FINGER_JOINTS = ((0.03060114, 0.05490452), (0.03152616, -0.00376347), (0.00563134, 0.04718515))  # x, z
PAD_FACE_M = 0.0253  # inside of the finger tip's frame

EMBODIMENT = Embodiment.load("droid")
MODEL = mujoco.MjModel.from_xml_string(
    EMBODIMENT.urdf.read_text().replace(
        '<robot name="droid">', '<robot name="droid"><mujoco><compiler fusestatic="false"/></mujoco>'
    )
)


def _place(position: tuple[float, float, float], about_x: float = 0.0, about_z: float = 0.0) -> np.ndarray:
    cx, sx, cz, sz = np.cos(about_x), np.sin(about_x), np.cos(about_z), np.sin(about_z)
    transform = np.eye(4)
    transform[:3, :3] = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]]) @ [[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]]
    transform[:3, 3] = position
    return transform


def _expected_gripper_base(arm: np.ndarray) -> np.ndarray:
    transform = np.eye(4)
    for (position, about_x), angle in zip(FR3_LINKS, arm, strict=True):
        transform = transform @ _place(position, about_x, angle)
    return transform @ _place((0, 0, FLANGE_M)) @ _place((0, 0, COUPLING_M), about_z=np.pi / 2)


def _forward(arm: np.ndarray, knuckle: float = 0.0) -> mujoco.MjData:
    data = mujoco.MjData(MODEL)
    data.qpos[:7], data.qpos[7] = arm, knuckle
    for equality in range(MODEL.neq):  # mimic joints
        leader, follower = MODEL.eq_obj2id[equality], MODEL.eq_obj1id[equality]
        data.qpos[follower] = MODEL.eq_data[equality, 1] * data.qpos[leader]
    mujoco.mj_kinematics(MODEL, data)
    return data


def _poses() -> list[np.ndarray]:
    low, high = np.array(FR3_LIMITS_RAD).T
    random = np.random.default_rng(0).uniform(low, high, (100, 7))
    return [EMBODIMENT.pose(name)[:7] for name in ("home", "reset", "ready")] + list(random)


@pytest.mark.parametrize("arm", _poses())
def test_forward_kinematics_equal_the_published_transforms(arm: np.ndarray) -> None:
    base, expected = _forward(arm).body("robotiq_85_base_link"), _expected_gripper_base(arm)
    np.testing.assert_allclose(base.xpos, expected[:3, 3], atol=1e-9)
    np.testing.assert_allclose(base.xmat.reshape(3, 3), expected[:3, :3], atol=1e-9)


@pytest.mark.parametrize("knuckle", [0.0, 0.3, 0.7929])
def test_finger_tips_stay_parallel_and_move_as_published(knuckle: float) -> None:
    data = _forward(np.zeros(7), knuckle)
    base, tip = data.body("robotiq_85_base_link"), data.body("robotiq_85_left_finger_tip_link")
    axes = base.xmat.reshape(3, 3)
    (x, z), (dx, dz) = FINGER_JOINTS[0], np.sum(FINGER_JOINTS[1:], axis=0)
    turned = (np.cos(knuckle) * dx - np.sin(knuckle) * dz, np.sin(knuckle) * dx + np.cos(knuckle) * dz)
    np.testing.assert_allclose(axes.T @ (tip.xpos - base.xpos), [x + turned[0], 0, z + turned[1]], atol=1e-7)
    np.testing.assert_allclose(tip.xmat, base.xmat, atol=1e-9)


@pytest.mark.parametrize(("knuckle", "gap_m", "tolerance_m"), [(0.0, 0.085, 5e-4), (0.7929, 0.0, 2e-3)])
def test_fingers_open_to_85_mm_and_close_at_the_angle_the_driver_says(
    knuckle: float, gap_m: float, tolerance_m: float
) -> None:
    data = _forward(np.zeros(7), knuckle)
    left, right = (data.body(f"robotiq_85_{side}_finger_tip_link").xpos for side in ("left", "right"))
    assert np.linalg.norm(left - right) - 2 * PAD_FACE_M == pytest.approx(gap_m, abs=tolerance_m)


def test_arm_limits_are_those_of_the_fr3() -> None:
    np.testing.assert_allclose(MODEL.jnt_range[:7], FR3_LIMITS_RAD)
    np.testing.assert_allclose(MODEL.jnt_actfrcrange[:7, 1], FR3_TORQUES_NM)


@pytest.mark.parametrize("joint", EMBODIMENT.joints, ids=lambda joint: joint.name)
def test_every_embodiment_joint_exists_and_lies_within_the_urdf_limits(joint) -> None:
    low, high = MODEL.jnt_range[MODEL.joint(joint.urdf_joint).id]
    group = next(g for g in EMBODIMENT.driver("franka_ros2_robotiq").groups if joint.name in g.joints)
    ends = sorted(group.unit.outside(value) for value in (joint.low, joint.high))
    assert low <= ends[0] < ends[1] <= high


def test_masses_add_up_to_arm_and_gripper() -> None:
    gripper = MODEL.body("robotiq_85_base_link").subtreemass.item()
    assert MODEL.body("fr3_link0").subtreemass.item() - gripper == pytest.approx(17.9, abs=0.2)  # FR3: 17.8 kg
    assert gripper == pytest.approx(0.925 + 0.063, abs=0.02)  # 2F-85: 925 g; ZED Mini: 63 g


def test_only_primitive_shapes_are_used() -> None:
    assert "<mesh" not in EMBODIMENT.urdf.read_text()
    assert MODEL.nmesh == 0
    assert MODEL.ngeom > 40
