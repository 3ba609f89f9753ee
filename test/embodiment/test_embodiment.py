# SPDX-License-Identifier: Apache-2.0
"""The embodiment file is the one place for order, sign and unit: what it says arrives, what it gets wrong is named."""

from __future__ import annotations

import copy
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from molmoact2_ros.embodiment import (
    HARDWARE_COMPONENTS,
    Embodiment,
    EmbodimentError,
    share_folder,
    shipped_embodiments,
    validate_driver,
)


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


def test_a_lab_s_copy_takes_the_urdf_next_to_it_else_the_one_that_comes_along(tmp_path: Path) -> None:
    path = tmp_path / "my_droid.yaml"
    path.write_text(yaml.safe_dump(_droid(), sort_keys=False))
    assert Embodiment.load(path).urdf == share_folder() / "urdf" / "droid.urdf"
    (tmp_path / "droid.urdf").write_text("<robot/>")
    assert Embodiment.load(path).urdf == tmp_path / "droid.urdf"


def test_the_profile_that_the_integration_page_writes_out_can_be_used(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "doc" / "integration.md").read_text()
    block = textwrap.dedent(page.partition("```yaml\n")[2].partition("```")[0])
    content = _droid()
    content["drivers"] |= yaml.safe_load(block)["drivers"]
    robot = _load(tmp_path, content)
    validate_driver(robot, robot.driver("my_cell"))


@pytest.mark.parametrize("name", shipped_embodiments())
def test_policy_units_and_back_give_the_same_pose(name: str) -> None:
    robot = Embodiment.load(name)
    home = robot.pose("home")
    np.testing.assert_allclose(robot.from_policy(robot.to_policy(home)), home, atol=1e-12)


@pytest.mark.parametrize("name", shipped_embodiments())
def test_a_slowed_robot_has_lower_speeds_of_joints_and_tcps_and_nothing_else(name: str) -> None:
    robot = Embodiment.load(name)
    slowed = robot.slowed(0.25)
    np.testing.assert_allclose(slowed.limits("velocity"), 0.25 * robot.limits("velocity"))
    for key in ("low", "high", "acceleration", "jerk"):
        np.testing.assert_array_equal(slowed.limits(key), robot.limits(key))
    speeds = [[tcp.speed_m_s for tcp in each.geometry.tcps] for each in (slowed, robot)]
    np.testing.assert_allclose(speeds[0], 0.25 * np.array(speeds[1]))
    assert slowed.drivers == robot.drivers


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


def test_a_franka_hand_counts_the_way_of_one_finger_in_metres() -> None:
    unit = Embodiment.load("droid").driver("franka_ros2_hand").groups[1].unit
    assert (unit.outside(0.0), unit.outside(1.0)) == (0.0, 0.04)


def test_yam_grippers_are_open_at_one_for_the_policy_and_at_minus_47_5_mm_for_every_driver() -> None:
    robot = Embodiment.load("yam")
    opened = np.where(robot.is_gripper, 1.0, robot.pose("home"))
    np.testing.assert_array_equal(robot.to_policy(opened)[robot.is_gripper], [1.0, 1.0])
    for driver in robot.drivers.values():
        for group in driver.groups:
            if set(group.joints) & {"left_gripper", "right_gripper"}:
                assert group.unit.outside(1.0) == pytest.approx(-0.0475)
                assert group.unit.outside(0.0) == 0.0


def test_the_i2rt_driver_takes_the_share_of_opening_and_reports_the_fingers_way() -> None:
    gripper = Embodiment.load("yam").driver("i2rt_ros2_jazzy").groups[1]
    assert gripper.command_unit.outside(1.0) == 1.0
    assert gripper.unit.outside(1.0) == pytest.approx(-0.0475)


def test_yam_sees_top_left_and_right_in_this_order_and_acts_left_before_right() -> None:
    robot = Embodiment.load("yam")
    assert robot.camera_roles == ("top", "left", "right")
    arms = [name.partition("_")[0] for name in robot.joint_names]
    assert arms == ["left"] * 7 + ["right"] * 7


def test_yam_may_go_wherever_the_released_policy_asks_it_to() -> None:
    q01 = [-0.66, 0.004, 0.014, -1.374, -0.359, -0.93, 0.051, -0.494, 0.005, 0.017, -1.424, -0.974, -0.472, 0.033]
    q99 = [0.47, 2.244, 2.008, 0.134, 0.883, 0.334, 0.987, 0.738, 2.285, 2.061, 0.24, 0.53, 0.962, 0.995]
    _assert_allowed(Embodiment.load("yam"), q01, q99)


def test_so101_counts_degrees_of_the_older_calibration_and_percent_for_the_policy() -> None:
    robot = Embodiment.load("so101")
    inside = np.array([*np.radians([10.0, 20.0, 30.0, 40.0, 50.0]), 0.25])
    np.testing.assert_allclose(robot.to_policy(inside), [10, 90 - 20, 90 + 30, 40, 50, 25])
    np.testing.assert_allclose(robot.from_policy(np.array([10, 70, 120, 40, 50, 25.0])), inside)


def test_so101_home_is_the_median_of_the_training_data() -> None:
    robot = Embodiment.load("so101")
    median = [3.07, 123.16, 124.40, 57.89, -11.04, 9.24]
    np.testing.assert_allclose(robot.to_policy(robot.pose("home")), median, atol=0.001)


def test_so101_may_go_wherever_the_released_policy_asks_it_to() -> None:
    q01, q99 = [-41.91, 43.67, 38.39, 5.71, -63.45, 0.94], [48.29, 185.26, 173.14, 91.78, 42.94, 44.14]
    _assert_allowed(Embodiment.load("so101"), q01, q99)


def _assert_allowed(robot: Embodiment, q01: list[float], q99: list[float]) -> None:
    """Both ends of the training range, beyond which no action lies, keep the margin to the limits."""
    for end in (q01, q99):
        inside = robot.from_policy(np.array(end))
        assert (inside >= robot.limits("low") + robot.limits("margin")).all()
        assert (inside <= robot.limits("high") - robot.limits("margin")).all()


@pytest.mark.parametrize(
    ("driver", "closed", "opened"),
    [
        ("so101_trajectory", -0.174533, 1.74533),
        ("so101_forward", -0.174533, 1.74533),
        ("so101_split", -0.174533, 1.74533),
        ("so_arm100_forward", -0.174533, 1.74533),
        ("so101_ros2", 0.0, np.pi),  # percent / 100 * pi, which is not the jaw's angle
    ],
)
def test_so101_gripper_has_each_drivers_range_and_the_arm_stays_in_radians(
    driver: str, closed: float, opened: float
) -> None:
    group = Embodiment.load("so101").driver(driver).groups[-1]
    vectors = [[0.7] * (len(group.joints) - 1) + [gripper] for gripper in (0.0, 1.0)]
    outside = group.unit.outside(np.array(vectors))
    np.testing.assert_allclose(outside[:, -1], [closed, opened], atol=1e-5)
    np.testing.assert_array_equal(outside[:, :-1], 0.7)
    np.testing.assert_allclose(group.unit.rate_outside(np.ones(len(group.joints)))[-1], opened - closed, atol=1e-5)


@pytest.mark.parametrize("name", shipped_embodiments())
def test_every_robot_can_be_simulated_with_common_interfaces(name: str) -> None:
    assert not all(driver.extra_messages for driver in Embodiment.load(name).drivers.values())


@pytest.mark.parametrize("name", shipped_embodiments())
def test_the_profile_that_is_simulated_says_when_the_robot_is_in_a_fault(name: str) -> None:
    profile = next(driver for driver in Embodiment.load(name).drivers.values() if not driver.extra_messages)
    assert HARDWARE_COMPONENTS in [source.kind for source in profile.faults]


def test_a_profile_without_faults_and_cameras_without_frames_may_be_written(tmp_path: Path) -> None:
    content = _droid()
    for driver in content["drivers"].values():
        del driver["faults"]
    for camera in content["cameras"]:
        del camera["frame_id"]
    robot = _load(tmp_path, content)
    assert [driver.faults for driver in robot.drivers.values()] == [()] * len(robot.drivers)
    assert {camera.frame_id for camera in robot.cameras} == {""}


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


def _with_group(**changes: Any) -> dict[str, Any]:
    content = copy.deepcopy(_droid())
    content["drivers"]["franka_ros2_robotiq"]["groups"][0].update(changes)
    return content


def _with_camera(**changes: Any) -> dict[str, Any]:
    content = _droid()
    content["cameras"][1].update(changes)
    return content


def _with_fault(**source: Any) -> dict[str, Any]:
    content = _droid()
    next(iter(content["drivers"].values()))["faults"] = [source]
    return content


def _with_geometry(**changes: Any) -> dict[str, Any]:
    content = _droid()
    content["geometry"] |= changes
    return content


def _with_hand(**changes: Any) -> dict[str, Any]:
    return _with_geometry(tcps=[_droid()["geometry"]["tcps"][0] | changes])


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
        (_with_group(interface="telepathy"), "expected one of joint_trajectory, streamed_trajectory"),
        (_with_group(velocity="guessed"), "velocity: expected one of reported, differences, got 'guessed'"),
        (_with_group(joint_units={"gripper": {}}), "joint_units: 'gripper' is no joint of the group (joint1"),
        (_with_group(joint_units={"joint1": {"scale": 0}}), "joint_units.joint1.scale: expected a number other than 0"),
        (_edited(poses={"ready": [0] * 8}), "key 'home' is missing"),
        (_edited(poses={"home": [0] * 8}), "joint4 = 0.0 lies outside"),
        (_edited(poses={"home": [0] * 7}), "expected a list of 8 numbers"),
        (_without("geometry"), "key 'geometry' is missing"),
        (_with_geometry(grippers={}), "geometry.grippers: expected gripper, got none"),
        (_with_geometry(margin_m=-0.01), "geometry.margin_m: expected 0 or more, got -0.01"),
        (_with_geometry(table="yes"), "unknown key table"),
        (_with_hand(low_m=[-1, 1, -1]), "expected low_m < high_m on every axis"),
        (_with_hand(speed_m_s=0), "speed_m_s: expected a positive number, got 0"),
        (_with_camera(frame_id="external_camera"), "cameras.frame_id: 'external_camera' stands there more than once"),
        (
            _with_fault(kind="smoke", topic="t"),
            "faults[0].kind: expected one of hardware_components, diagnostics, franka",
        ),
        (
            _with_fault(kind="diagnostics", topic="t"),
            "faults[0].names: diagnostics needs the names of the driver's own",
        ),
        (_with_fault(kind="franka_state", topic="t", names="x"), "faults[0].names: expected a list of texts, got 'x'"),
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
