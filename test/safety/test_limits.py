# SPDX-License-Identifier: Apache-2.0
"""The limits in force: the stricter of two sources, off by the margin, and clear refusals of what cannot be used."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.safety import Limits, SafetyError

ROBOT = Embodiment.load("droid")
ARM = [joint for joint in ROBOT.joints if not joint.is_gripper]


def _urdf(kind: str = "revolute", **of_joint1: object) -> str:
    """A URDF with wide limits, but for what is said of joint 1."""
    wide: dict[str, object] = {"lower": -10, "upper": 10, "velocity": 10}
    limits = {joint.urdf_joint: wide | (of_joint1 if joint.name == "joint1" else {}) for joint in ARM}
    joints = ""
    for name, limit in limits.items():
        attributes = " ".join(f'{key}="{value}"' for key, value in limit.items())
        joints += f'<joint name="{name}" type="{kind}"><limit {attributes}/></joint>'
    return f"<robot>{joints}</robot>"


def test_limits_of_a_wide_urdf_are_the_embodiments_less_the_margin() -> None:
    limits = Limits.of(ROBOT, _urdf())
    assert (limits.low[0], limits.high[0]) == pytest.approx((-2.64, 2.64))
    assert (limits.velocity[0], limits.acceleration[0], limits.jerk[0]) == (2.075, 10.0, 5000.0)


@pytest.mark.parametrize(
    ("limit", "field", "value"),
    [({"lower": -1}, "low", -0.99), ({"upper": 2}, "high", 1.99), ({"velocity": 1.5}, "velocity", 1.5)],
)
def test_a_stricter_urdf_wins(limit: dict[str, float], field: str, value: float) -> None:
    limits = Limits.of(ROBOT, _urdf(**limit))
    assert getattr(limits, field)[0] == pytest.approx(value)
    assert getattr(limits, field)[1] == pytest.approx(getattr(Limits.of(ROBOT, _urdf()), field)[1])


def test_a_continuous_joint_is_bounded_by_the_embodiment_alone() -> None:
    assert Limits.of(ROBOT, _urdf("continuous", lower=0, upper=0)).high[0] == pytest.approx(2.64)


def test_a_gripper_is_not_bounded_by_the_urdf_and_may_overrun() -> None:
    limits = Limits.of(ROBOT, _urdf(), gripper_overrun=0.03)
    assert (limits.low[-1], limits.high[-1]) == pytest.approx((-0.03, 1.03))


@pytest.mark.parametrize(
    ("urdf", "words"),
    [
        ("<robot>", "not valid XML"),
        ("<robot/>", "no joint fr3_joint1 (for joint1)"),
        (_urdf(lower=3), "leave it no room to move"),
        (_urdf(velocity=0), "leave it no room to move"),
        (_urdf(upper="nan"), "limit of fr3_joint1 that is not a number"),
        (_urdf(upper="wide"), "limit of fr3_joint1 that is not a number"),
    ],
)
def test_a_urdf_that_cannot_be_used_is_refused_with_the_reason(urdf: str, words: str) -> None:
    with pytest.raises(SafetyError) as raised:
        Limits.of(ROBOT, urdf)
    assert words in str(raised.value)


def test_a_missing_urdf_file_is_refused_with_its_name() -> None:
    lost = dataclasses.replace(ROBOT, urdf=Path("nowhere.urdf"))
    with pytest.raises(SafetyError, match=r"cannot read its URDF nowhere\.urdf"):
        Limits.load(lost)


def test_the_shipped_robot_keeps_its_own_limits_which_are_the_stricter_ones() -> None:
    shipped, wide = Limits.load(ROBOT), Limits.of(ROBOT, _urdf())
    assert shipped.low == pytest.approx(wide.low)
    assert shipped.velocity == pytest.approx(wide.velocity)
