# SPDX-License-Identifier: Apache-2.0
"""Pins that names which say another order than the robot's are refused, in whatever spelling, and no others."""

from __future__ import annotations

import pytest

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.policy.joint_order import misplaced

SO101 = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
DROID = (*(f"joint_{index}" for index in range(7)), "gripper")
YAM = tuple(
    f"{side}_{joint}" for side in ("left", "right") for joint in (*(f"joint{i}" for i in range(1, 7)), "gripper")
)


def _exchanged(names: tuple[str, ...], one: int, other: int) -> tuple[str, ...]:
    order = list(names)
    order[one], order[other] = order[other], order[one]
    return tuple(order)


@pytest.mark.parametrize(
    ("robot", "names"),
    [
        ("so101", SO101),
        ("so101", tuple(f"{name}.pos" for name in SO101)),
        ("so101", tuple(f"main_{name}" for name in SO101)),
        ("so101", tuple(f"left_{name}.pos" for name in SO101)),
        ("so101", tuple(f"motor_{index}" for index in range(6))),
        ("so101", ("Rotation", "Pitch", "Elbow", "Wrist_Pitch", "Wrist_Roll", "Jaw")),
        ("droid", DROID),
        ("droid", tuple(f"dim_{index}" for index in range(8))),
        ("yam", YAM),
        ("yam", tuple(f"{name.replace('_', '_arm_')}.pos" for name in YAM)),
        ("yam", tuple(f"joint_{index}" for index in range(14))),
    ],
)
def test_the_robots_own_order_agrees_in_every_spelling(robot: str, names: tuple[str, ...]) -> None:
    assert misplaced(Embodiment.load(robot).joints, names) is None


@pytest.mark.parametrize(
    ("robot", "names", "first"),
    [
        ("so101", _exchanged(SO101, 1, 2), "elbow_flex"),
        ("so101", tuple(f"{name}.pos" for name in _exchanged(SO101, 1, 2)), "elbow_flex.pos"),
        ("so101", tuple(f"main_{name}" for name in _exchanged(SO101, 3, 4)), "main_wrist_roll"),
        ("so101", _exchanged(SO101, 0, 5), "gripper"),
        ("droid", _exchanged(DROID, 2, 3), "joint_3"),
        ("droid", (*DROID[6::-1], "gripper"), "joint_6"),
        ("yam", (*YAM[7:], *YAM[:7]), "right_joint1"),
        ("yam", tuple(name.replace("left", "l").replace("right", "r") for name in (*YAM[7:], *YAM[:7])), "r_joint1"),
        ("yam", _exchanged(YAM, 8, 9), "right_joint3"),
    ],
)
def test_the_first_dimension_that_names_another_joint_is_found(robot: str, names: tuple[str, ...], first: str) -> None:
    found = misplaced(Embodiment.load(robot).joints, names)
    assert found is not None
    assert found[1] == first
