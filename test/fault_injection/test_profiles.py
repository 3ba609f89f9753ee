# SPDX-License-Identifier: Apache-2.0
"""Which robots and driver profiles a command line means. No ROS."""

from __future__ import annotations

import pytest

from molmoact2_ros.cli.main import main
from molmoact2_ros.fault_injection.profiles import targets


def _names(embodiments: list[str], drivers: list[str]) -> list[str]:
    return [target.driver.name for target in targets(embodiments, drivers)]


def test_without_a_name_the_first_profile_that_the_simulator_offers_is_meant() -> None:
    assert _names(["droid"], []) == ["franka_ros2_robotiq_forward"]


def test_all_robots_by_all_profiles_are_those_that_need_no_other_packages() -> None:
    assert _names(["all"], ["all"]) == [
        "franka_ros2_robotiq_forward",
        "yam_ros2_control_forward",
        "i2rt_ros2_jazzy_forward",
        "so101_trajectory",
        "so101_forward",
        "so_arm100_forward",
    ]


def test_a_profile_is_looked_for_in_all_robots_that_are_named_and_each_runs_once() -> None:
    assert _names(["all", "so101"], ["so101_forward", "i2rt_ros2_jazzy_forward"]) == [
        "i2rt_ros2_jazzy_forward",
        "so101_forward",
    ]


def test_an_unknown_profile_is_refused_with_those_known_and_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="expected all or one of so101_trajectory, so101_forward, so101_split "):
        targets(["so101"], ["so101"])
    with pytest.raises(ValueError, match=r"so101_split \(needs control_msgs, not installed here\).*; got 'so101'"):
        targets(["so101"], ["so101"])


def test_a_profile_whose_messages_are_missing_is_refused_with_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match="--driver: so101_split needs messages of control_msgs, which is not installed"
    ):
        targets(["so101"], ["so101_split"])


def test_the_list_names_robot_and_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults", "--list", "--embodiment", "so101", "--driver", "so101_forward", "--only", "estop"]) == 0
    assert capsys.readouterr().out.startswith("# so101, so101_forward\nestop: ")
