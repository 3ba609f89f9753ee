# SPDX-License-Identifier: Apache-2.0
"""The embodiment file is the one place for order, sign and unit: what it says arrives, what it gets wrong is named."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from molmoact2_ros.embodiment import Embodiment, EmbodimentError, share_folder, shipped_embodiments


def _droid() -> dict[str, Any]:
    return yaml.safe_load((share_folder() / "config" / "embodiments" / "droid.yaml").read_text())


def _load(tmp_path: Path, content: Any) -> Embodiment:
    path = tmp_path / "config" / "embodiments" / "robot.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(content))
    return Embodiment.load(path)


@pytest.mark.parametrize("name", shipped_embodiments())
def test_every_shipped_embodiment_loads_and_has_its_urdf(name: str) -> None:
    robot = Embodiment.load(name)
    assert robot.name == name
    assert robot.urdf.is_file()


@pytest.mark.parametrize("name", shipped_embodiments())
def test_policy_units_and_back_give_the_same_pose(name: str) -> None:
    robot = Embodiment.load(name)
    home = robot.pose("home")
    np.testing.assert_allclose(robot.from_policy(robot.to_policy(home)), home, atol=1e-12)


def test_droid_counts_an_open_gripper_as_zero_for_the_policy_and_as_one_inside() -> None:
    robot = Embodiment.load("droid")
    opened = robot.pose("reset")
    assert opened[robot.joint_names.index("gripper")] == 1.0
    assert robot.to_policy(opened)[-1] == 0.0


def test_droid_knuckle_is_zero_when_open_and_closes_at_0_7929_rad() -> None:
    unit = Embodiment.load("droid").driver("franka_ros2_robotiq").groups[1].unit
    assert unit.outside(1.0) == pytest.approx(0.0)
    assert unit.outside(0.0) == pytest.approx(0.7929)
    assert unit.rate_inside(-0.7929) == pytest.approx(1.0)


def _edited(**changes: Any) -> dict[str, Any]:
    return _droid() | changes


def _without(key: str) -> dict[str, Any]:
    content = _droid()
    del content[key]
    return content


def _with_joint(**changes: Any) -> dict[str, Any]:
    content = copy.deepcopy(_droid())
    content["joints"][2].update(changes)
    return content


def _with_camera(**changes: Any) -> dict[str, Any]:
    content = _droid()
    content["cameras"][1].update(changes)
    return content


def _with_geometry(**changes: Any) -> dict[str, Any]:
    content = _droid()
    content["geometry"] |= changes
    return content


def _with_hand(**changes: Any) -> dict[str, Any]:
    return _with_geometry(hands=[_droid()["geometry"]["hands"][0] | changes])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_edited(camera_rate=3), "unknown key camera_rate"),
        (_edited(cameras=[]), "cameras: expected a list with at least one entry"),
        (_without("cameras"), "key 'cameras' is missing"),
        (_edited(cameras=_droid()["cameras"][:1]), "cameras: expected 2 (policy.num_cameras), got 1 (external)"),
        (_with_camera(role="external"), "'external' stands there more than once"),
        (_with_camera(rotate_deg=45), "expected 0, 90, 180 or 270, got 45"),
        (_with_joint(position=[2, 1]), "expected low < high"),
        (_with_joint(velocity=0), "velocity: expected a positive number, got 0"),
        (_with_joint(velocity=float("nan")), "velocity: expected a finite number"),
        (_with_joint(kind="elbow"), "expected one of arm, gripper, got 'elbow'"),
        (_with_joint(name="other"), "expected each of"),
        (_edited(poses={"ready": [0] * 8}), "key 'home' is missing"),
        (_edited(poses={"home": [0] * 8}), "joint4 = 0.0 lies outside"),
        (_edited(poses={"home": [0] * 7}), "expected a list of 8 numbers"),
        (_without("geometry"), "key 'geometry' is missing"),
        (_with_geometry(grippers={}), "geometry.grippers: expected gripper, got none"),
        (_with_geometry(margin_m=-0.01), "geometry.margin_m: expected 0 or more, got -0.01"),
        (_with_geometry(table="yes"), "unknown key table"),
        (_with_hand(low_m=[-1, 1, -1]), "expected low_m < high_m on every axis"),
        (_with_hand(speed_m_s=0), "speed_m_s: expected a positive number, got 0"),
        ([1, 2], "expected keys and values, got list"),
    ],
)
def test_a_wrong_file_is_refused_with_the_key_that_is_wrong(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(EmbodimentError, match=r"robot\.yaml") as caught:
        _load(tmp_path, content)
    assert words in str(caught.value)


def test_broken_yaml_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text("joints: [1,\n  }")
    with pytest.raises(EmbodimentError, match="not valid YAML") as caught:
        Embodiment.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nonsense", "nonsense.yaml", ""])
def test_an_unknown_robot_is_refused_and_the_known_ones_are_listed(name: str) -> None:
    with pytest.raises(EmbodimentError) as caught:
        Embodiment.load(name)
    assert "droid" in str(caught.value) or "does not exist" in str(caught.value)


def test_an_unknown_pose_or_driver_is_refused_and_the_known_ones_are_listed() -> None:
    robot = Embodiment.load("droid")
    with pytest.raises(EmbodimentError, match=r"no pose 'nap'; it has home, reset, ready"):
        robot.pose("nap")
    with pytest.raises(EmbodimentError, match=r"no driver 'none'; it has franka_ros2_robotiq"):
        robot.driver("none")
