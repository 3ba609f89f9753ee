# SPDX-License-Identifier: Apache-2.0
"""urdf/yam.urdf against the published tables, and against what the embodiment file asks of it.

The expected transforms are restated here from i2rt's arm and station models, and composed with numpy alone; the URDF is
read by MuJoCo.
"""

from __future__ import annotations

import numpy as np
import pytest

mujoco = pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")

from fakes.urdf_model import Joint, assert_stands_at, chain, driver_range, forward, frame, load, random_poses

from molmoact2_ros.embodiment import Embodiment

pytestmark = pytest.mark.sim

YAM = [  # i2rt robot_models/arm/yam/yam.urdf; its 1.5708 and 3.1416 stand for quarter and half turns
    Joint((0, 0, 0.068), (0, np.pi / 2, np.pi), (-1, 0, 0), (-2.61799, 3.14159)),
    Joint((-0.0455, -0.0339, -0.02), (0, 0, -np.pi), (0, 1, 0), (0, 3.66519)),
    Joint((0, -0.0688, 0.264), (0, 0, -np.pi), (0, 1, 0), (0, 3.14159)),
    Joint((-0.06, -0.0688, -0.245), axis=(0, 1, 0), limits=(-1.69297, 1.5708)),
    Joint((-0.0405, 0.0339, -0.074), axis=(1, 0, 0), limits=(-1.5708, 1.5708)),
    Joint((0.0405, 0, -0.0356), axis=(0, 0, -1), limits=(-2.0944, 2.0944)),
]
BASES = {"left": frame((0, 0, 0)), "right": frame((0, -0.61, 0))}
TIP = (-0.0239931, 0.0445119, -0.0566829)  # of the left finger when closed; the right one stands opposite
OPEN_M = -0.0475
# Camera in the gripper's frame, and where it looks: 25 degrees from the approach direction, towards the fingers.
CAMERA_M, CANT_RAD = (-0.070435, 0, -0.077006), np.radians(25)

EMBODIMENT = Embodiment.load("yam")
MODEL = load(EMBODIMENT)
HOME = {"left": EMBODIMENT.pose("home")[:6], "right": EMBODIMENT.pose("home")[7:13]}


def _forward(side: str, arm: np.ndarray, finger: float = 0.0) -> mujoco.MjData:
    joints = {f"{side}_joint{index}": angle for index, angle in enumerate(arm, 1)}
    return forward(MODEL, joints | {f"{side}_joint7": finger})


def _gripper(side: str, arm: np.ndarray) -> np.ndarray:
    return chain(YAM, arm, BASES[side])


@pytest.mark.parametrize("side", BASES)
def test_forward_kinematics_equal_the_published_transforms(side: str) -> None:
    for arm in (HOME[side], np.zeros(6), *random_poses(YAM)):
        assert_stands_at(_forward(side, arm).body(f"{side}_gripper"), _gripper(side, arm))


@pytest.mark.parametrize("side", BASES)
@pytest.mark.parametrize("finger", [0.0, -0.02, OPEN_M])
def test_fingers_slide_apart_as_published(side: str, finger: float) -> None:
    data, gripper = _forward(side, HOME[side], finger), _gripper(side, HOME[side])
    x, y, z = TIP
    assert_stands_at(data.body(f"{side}_tip_left"), gripper @ frame((x, y + finger, z)))
    assert_stands_at(data.body(f"{side}_tip_right"), gripper @ frame((-x, -y - finger, z)))


@pytest.mark.parametrize("side", BASES)
@pytest.mark.parametrize(("finger", "gap_m"), [(0.0, 0.0), (OPEN_M, 0.095)])
def test_pads_touch_when_closed_and_stand_twice_the_stroke_apart_when_open(
    side: str, finger: float, gap_m: float
) -> None:
    data, axis = _forward(side, np.zeros(6), finger), _gripper(side, np.zeros(6))[:3, 1]
    faces = []
    for tip, sign in (("left", 1), ("right", -1)):  # the pads are the last boxes of the tips; half widths along y
        pad = max(np.flatnonzero(MODEL.geom_bodyid == MODEL.body(f"{side}_tip_{tip}").id))
        faces.append(axis @ data.geom_xpos[pad] + sign * MODEL.geom_size[pad, 1])
    assert faces[1] - faces[0] == pytest.approx(gap_m, abs=1e-6)


@pytest.mark.parametrize("side", BASES)
def test_wrist_camera_looks_past_the_fingers(side: str) -> None:
    data, gripper = _forward(side, HOME[side]), _gripper(side, HOME[side])
    camera = data.body(f"{side}_camera_link")
    np.testing.assert_allclose(camera.xpos, (gripper @ frame(CAMERA_M))[:3, 3], atol=1e-9)
    look = gripper[:3, :3] @ [np.sin(CANT_RAD), 0, -np.cos(CANT_RAD)]
    np.testing.assert_allclose(camera.xmat.reshape(3, 3)[:, 0], look, atol=1e-4)


@pytest.mark.parametrize("side", BASES)
def test_arm_limits_are_those_of_the_published_urdf(side: str) -> None:
    ranges = [MODEL.joint(f"{side}_joint{index}").range for index in range(1, 7)]
    np.testing.assert_allclose(ranges, [joint.limits for joint in YAM])


@pytest.mark.parametrize("joint", EMBODIMENT.joints, ids=lambda joint: joint.name)
def test_every_embodiment_joint_exists_and_lies_within_the_urdf_limits(joint) -> None:
    low, high = MODEL.joint(joint.urdf_joint).range
    bottom, top = driver_range(EMBODIMENT, "yam_ros2_control", joint.name)
    assert low <= bottom < top <= high


def test_masses_add_up_to_two_arms_and_their_cameras() -> None:
    arm = 4.29 + 0.553 + 2 * 0.07 + 0.1  # arm, gripper, fingers, D405
    assert MODEL.body("left_base_link").subtreemass.item() == pytest.approx(2 * arm, abs=0.1)


def test_only_primitive_shapes_are_used() -> None:
    assert "<mesh" not in EMBODIMENT.urdf.read_text()
    assert MODEL.nmesh == 0
    assert MODEL.ngeom > 40
