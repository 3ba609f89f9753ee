# SPDX-License-Identifier: Apache-2.0
"""urdf/droid.urdf against the published tables, and against what the embodiment file asks of it.

The expected transforms and limits are restated here from franka_description (robots/fr3) and robotiq_description
(2f_85), and composed with numpy alone; the URDF is read by MuJoCo.
"""

from __future__ import annotations

import numpy as np
import pytest

mujoco = pytest.importorskip("mujoco", reason="reads the URDF: pip install mujoco")

from fakes.urdf_model import Joint, assert_stands_at, chain, driver_range, forward, frame, load, random_poses

from molmoact2_ros.embodiment import Embodiment

pytestmark = pytest.mark.sim

FR3 = [  # franka_description robots/fr3: kinematics.yaml, joint_limits.yaml
    Joint((0.0, 0.0, 0.333), limits=(-2.7437, 2.7437)),
    Joint((0.0, 0.0, 0.0), (-np.pi / 2, 0.0, 0.0), limits=(-1.7837, 1.7837)),
    Joint((0.0, -0.316, 0.0), (np.pi / 2, 0.0, 0.0), limits=(-2.9007, 2.9007)),
    Joint((0.0825, 0.0, 0.0), (np.pi / 2, 0.0, 0.0), limits=(-3.0421, -0.1518)),
    Joint((-0.0825, 0.384, 0.0), (-np.pi / 2, 0.0, 0.0), limits=(-2.8065, 2.8065)),
    Joint((0.0, 0.0, 0.0), (np.pi / 2, 0.0, 0.0), limits=(0.5445, 4.5169)),
    Joint((0.088, 0.0, 0.0), (np.pi / 2, 0.0, 0.0), limits=(-3.0159, 3.0159)),
]
FLANGE_M, COUPLING_M = 0.107, 0.018174
FR3_TORQUES_NM = [87, 87, 87, 87, 12, 12, 12]
FINGER_JOINTS = ((0.03060114, 0.05490452), (0.03152616, -0.00376347), (0.00563134, 0.04718515))  # x, z
PAD_FACE_M = 0.0253  # inside of the finger tip's frame

EMBODIMENT = Embodiment.load("droid")
MODEL = load(EMBODIMENT)


def _forward(arm: np.ndarray, knuckle: float = 0.0) -> mujoco.MjData:
    joints = {f"fr3_joint{index}": angle for index, angle in enumerate(arm, 1)}
    return forward(MODEL, joints | {"robotiq_85_left_knuckle_joint": knuckle})


def _poses() -> list[np.ndarray]:
    return [EMBODIMENT.pose(name)[:7] for name in ("home", "reset", "ready")] + random_poses(FR3)


@pytest.mark.parametrize("arm", _poses())
def test_forward_kinematics_equal_the_published_transforms(arm: np.ndarray) -> None:
    coupling = frame((0, 0, FLANGE_M)) @ frame((0, 0, COUPLING_M), (0, 0, np.pi / 2))
    assert_stands_at(_forward(arm).body("robotiq_85_base_link"), chain(FR3, arm) @ coupling)


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
    np.testing.assert_allclose(MODEL.jnt_range[:7], [joint.limits for joint in FR3])
    np.testing.assert_allclose(MODEL.jnt_actfrcrange[:7, 1], FR3_TORQUES_NM)


@pytest.mark.parametrize("joint", EMBODIMENT.joints, ids=lambda joint: joint.name)
def test_every_embodiment_joint_exists_and_lies_within_the_urdf_limits(joint) -> None:
    low, high = MODEL.jnt_range[MODEL.joint(joint.urdf_joint).id]
    bottom, top = driver_range(EMBODIMENT, "franka_ros2_robotiq", joint.name)
    assert low <= bottom < top <= high


def test_masses_add_up_to_arm_and_gripper() -> None:
    gripper = MODEL.body("robotiq_85_base_link").subtreemass.item()
    assert MODEL.body("fr3_link0").subtreemass.item() - gripper == pytest.approx(17.9, abs=0.2)  # FR3: 17.8 kg
    assert gripper == pytest.approx(0.925 + 0.063, abs=0.02)  # 2F-85: 925 g; ZED Mini: 63 g


def test_only_primitive_shapes_are_used() -> None:
    assert "<mesh" not in EMBODIMENT.urdf.read_text()
    assert MODEL.nmesh == 0
    assert MODEL.ngeom > 40
