# SPDX-License-Identifier: Apache-2.0
"""urdf/so101.urdf against the published tables, and against the frame that the policy counts in.

The expected transforms are restated here from SO-ARM100's so101_new_calib.urdf, and composed with numpy alone; the URDF
is read by MuJoCo.
"""

from __future__ import annotations

import numpy as np
import pytest

mujoco = pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")

from fakes.urdf_model import Joint, assert_stands_at, chain, driver_range, forward, frame, load, random_poses

from molmoact2_ros.embodiment import Embodiment

pytestmark = pytest.mark.sim

SO101 = [  # SO-ARM100 so101_new_calib.urdf; its 1.5708 and 3.14159 stand for quarter and half turns
    Joint((0.0388353, 0, 0.0624), (np.pi, 0, -np.pi), limits=(-1.91986, 1.91986)),
    Joint((-0.0303992, -0.0182778, -0.0542), (-np.pi / 2, -np.pi / 2, 0), limits=(-1.74533, 1.74533)),
    Joint((-0.11257, -0.028, 0), (0, 0, np.pi / 2), limits=(-1.69, 1.69)),
    Joint((-0.1349, 0.0052, 0), (0, 0, -np.pi / 2), limits=(-1.65806, 1.65806)),
    Joint((0, -0.0611, 0.0181), (np.pi / 2, 0.0486795, np.pi), limits=(-2.74385, 2.84121)),
    Joint((0.0202, 0.0188, -0.0234), (np.pi / 2, 0, 0), limits=(-0.174533, 1.74533)),
]
GRIPPER_FRAME = frame((-0.0079, -0.000218, -0.0981274), (0, np.pi, 0))

EMBODIMENT = Embodiment.load("so101")
MODEL = load(EMBODIMENT)
JOINTS = [joint.urdf_joint for joint in EMBODIMENT.joints]


def _forward(joints: np.ndarray) -> mujoco.MjData:
    return forward(MODEL, dict(zip(JOINTS, joints, strict=True)))


@pytest.mark.parametrize("joints", [EMBODIMENT.pose("home"), np.zeros(6), *random_poses(SO101)])
def test_forward_kinematics_equal_the_published_transforms(joints: np.ndarray) -> None:
    data = _forward(joints)
    gripper = chain(SO101[:5], joints[:5])
    assert_stands_at(data.body("gripper_link"), gripper)
    assert_stands_at(data.body("gripper_frame_link"), gripper @ GRIPPER_FRAME)
    assert_stands_at(data.body("moving_jaw_so101_v1_link"), chain(SO101, joints))


def test_the_policys_zero_is_the_arm_stretched_out_level() -> None:
    data = _forward(EMBODIMENT.from_policy(np.zeros(6)))
    shoulder, elbow, wrist, tip = (
        data.body(name).xpos for name in ("upper_arm_link", "lower_arm_link", "wrist_link", "gripper_frame_link")
    )
    assert elbow[0] < wrist[0] < tip[0]
    assert np.ptp([elbow[2], wrist[2], tip[2]]) < 0.03, "upper arm, forearm and gripper lie level"
    assert tip[0] - shoulder[0] > 0.35


def test_a_policy_lift_of_90_degrees_stands_the_upper_arm_up() -> None:
    data = _forward(EMBODIMENT.from_policy(np.array([0.0, 90.0, 90.0, 0.0, 0.0, 0.0])))
    upward = data.body("lower_arm_link").xpos - data.body("upper_arm_link").xpos
    assert upward[2] > 0.11
    forearm = data.body("wrist_link").xpos - data.body("lower_arm_link").xpos
    assert forearm[0] > 0.13, "and the elbow at 90 degrees points the forearm forwards"


def test_the_jaws_meet_when_closed_and_part_when_open() -> None:
    gaps = []
    for gripper in (0.0, 1.0):
        jaw = 1.919863 * gripper - 0.174533
        data = _forward(np.array([0, 0, 0, 0, 0, jaw]))
        tip = data.body("moving_jaw_so101_v1_link").xmat.reshape(3, 3) @ [-0.0113, -0.076, 0.01875]
        gaps.append(
            np.linalg.norm(data.body("moving_jaw_so101_v1_link").xpos + tip - data.body("gripper_frame_link").xpos)
        )
    assert gaps[0] < 0.015
    assert gaps[1] > 0.08


def test_limits_are_those_of_the_published_urdf() -> None:
    np.testing.assert_allclose([MODEL.joint(name).range for name in JOINTS], [joint.limits for joint in SO101])


@pytest.mark.parametrize("driver", ["so101_trajectory", "so101_forward", "so101_split", "so_arm100_forward"])
@pytest.mark.parametrize("joint", EMBODIMENT.joints, ids=lambda joint: joint.name)
def test_every_embodiment_joint_exists_and_lies_within_the_urdf_limits(joint, driver: str) -> None:
    low, high = MODEL.joint(joint.urdf_joint).range
    bottom, top = driver_range(EMBODIMENT, driver, joint.name)
    assert low - 1e-9 <= bottom < top <= high + 1e-9


def test_masses_add_up_to_the_arm_and_its_camera() -> None:
    assert MODEL.body("base_link").subtreemass.item() == pytest.approx(0.632 + 0.012, abs=0.01)


def test_only_primitive_shapes_are_used() -> None:
    assert "<mesh" not in EMBODIMENT.urdf.read_text()
    assert MODEL.nmesh == 0
    assert MODEL.ngeom > 15
