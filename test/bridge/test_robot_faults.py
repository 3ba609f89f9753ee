# SPDX-License-Identifier: Apache-2.0
"""What drivers say of their robots becomes one fault in their own words. No ROS."""

from __future__ import annotations

from pathlib import Path

import pytest

from molmoact2_ros.bridge import DriverStatus, FaultReport, FrankaFault, RobotFaults, diagnostic_faults, robot_faults
from molmoact2_ros.embodiment import DIAGNOSTICS, HARDWARE_COMPONENTS, Embodiment, FaultSource
from molmoact2_ros.interfaces.robot_fault import RobotFault
from molmoact2_ros.schema import read_yaml

DATA = Path(__file__).parents[1] / "data"

ANY_COMPONENT = FaultSource(HARDWARE_COMPONENTS, "/diagnostics")
OWN_STATUS = FaultSource(DIAGNOSTICS, "/diagnostics", ("arm: motors",))
IDLE, MOVE, GUIDING, REFLEX, USER_STOPPED, RECOVERY = range(1, 7)


def _manager(level: int = 0, message: str = "said", **components: str) -> DriverStatus:
    return DriverStatus("controller_manager: Hardware Components Activity", level, message, components)


def _received(source: FaultSource, *rounds: list[DriverStatus]) -> RobotFaults:
    faults = RobotFaults([source])
    for statuses in rounds:
        faults.take(source, diagnostic_faults(source, statuses))
    return faults


def test_components_that_are_all_active_are_no_fault_whatever_the_level_says() -> None:
    late = _manager(2, "High execution jitter", arm="active", **{"arm.read_cycle.execution_time": "7.2"})
    assert _received(ANY_COMPONENT, [late]).present == FaultReport()


@pytest.mark.parametrize("version", ["4.19.0", "4.46.0", "6.8.0"])
@pytest.mark.parametrize("names", [(), ("Arm", "Gripper")])
def test_each_dialect_of_ros2_control_is_read(version: str, names: tuple[str, ...]) -> None:
    source = FaultSource(HARDWARE_COMPONENTS, "/diagnostics", names)
    statuses = read_yaml(DATA / "ros2_control" / f"{version}.yaml")
    faults = RobotFaults([source])
    for entry in statuses:
        values = {value["key"]: value["value"] for value in entry["values"]}
        status = DriverStatus(entry["name"], entry["level"], entry["message"], values)
        faults.take(source, diagnostic_faults(source, [status]))
        outcome, _, parts = entry["expect"].partition(" of ")
        assert bool(faults.present.fault) == (outcome == "fault"), entry
        if outcome == "fault":
            assert entry["message"] in faults.present.text
            assert any(part in entry["message"] + faults.present.text for part in ["No", *parts.split(" or ")])


def test_a_manager_that_names_no_component_is_a_fault_until_it_names_one() -> None:
    empty = _manager(1, "No hardware components are currently active")
    present = _received(ANY_COMPONENT, [empty]).present
    assert present.text.startswith("no hardware component is active; controller_manager: Hardware Components Activity")
    assert _received(ANY_COMPONENT, [empty], [_manager(**{"arm.state": "active"})]).present == FaultReport()


def test_a_component_of_names_that_no_manager_names_is_a_fault_and_its_source_not_received() -> None:
    both = FaultSource(HARDWARE_COMPONENTS, "/diagnostics", ("left", "right"))
    left, right = _manager(**{"left.state": "active"}), _manager(**{"right.state": "active"})
    assert "right is in `names` of the embodiment file, but" in _received(both, [left]).present.text
    assert _received(both, [left], [right], [left]).present == FaultReport()
    own = FaultSource(DIAGNOSTICS, "/diagnostics", ("motors", "bus"))
    assert _received(own, [DriverStatus("motors", 0, "")]).not_received == (own,)


def test_what_is_read_of_franka_ros2_is_what_it_sends() -> None:
    said = read_yaml(DATA / "franka_ros2" / "3.4.0.yaml")
    modes = {"RECOVERY" if "RECOVERY" in key else key[11:]: value for key, value in said["robot_mode"].items()}
    assert all(getattr(robot_faults, name) == value for name, value in modes.items() if name != "OTHER")
    assert FrankaFault().assess(modes["OTHER"], []).fault is RobotFault.DRIVER
    arm, hand = Embodiment.load("droid").driver("franka_ros2_hand").groups
    assert (hand.state_topic, hand.command_topic) == (said["gripper_state_topic"], said["gripper_action"])
    assert list(hand.joints.values()) == said["gripper_joints"][:1]
    assert arm.state_topic == said["arm_state_topic"]


def test_a_component_that_is_not_active_is_a_fault_in_the_managers_words() -> None:
    present = _received(ANY_COMPONENT, [_manager(0, "Not all are", arm="unconfigured", gripper="active")]).present
    assert present.fault is RobotFault.DRIVER
    assert present.text == "hardware component arm is unconfigured, not active; its manager says: Not all are"


def test_two_managers_on_one_topic_do_not_hide_each_others_faults() -> None:
    rounds = [[_manager(arm="inactive")], [_manager(gripper="active")]]
    assert "arm is inactive" in _received(ANY_COMPONENT, *rounds).present.text
    assert _received(ANY_COMPONENT, *rounds, [_manager(arm="active")]).present == FaultReport()


def test_only_components_that_are_named_count() -> None:
    mine = FaultSource(HARDWARE_COMPONENTS, "/diagnostics", ("arm",))
    assert _received(mine, [_manager(arm="active", spare="inactive")]).present == FaultReport()
    assert _received(mine, [_manager(arm="finalized")]).present.fault is RobotFault.DRIVER


@pytest.mark.parametrize(
    ("level", "fault"), [(0, RobotFault.NONE), (1, RobotFault.NONE), (2, RobotFault.DRIVER), (3, RobotFault.DRIVER)]
)
def test_a_drivers_own_status_is_a_fault_from_error_on(level: int, fault: RobotFault) -> None:
    others = DriverStatus("joy: device", 2, "not open")
    present = _received(OWN_STATUS, [others, DriverStatus("arm: motors", level, "motor 3 lost")]).present
    assert present.fault is fault
    assert present.text == ("arm: motors says: motor 3 lost" if fault else "")


def test_a_source_is_not_received_until_it_reports_what_counts() -> None:
    assert _received(OWN_STATUS, [DriverStatus("joy: device", 0, "")]).not_received == (OWN_STATUS,)
    assert _received(OWN_STATUS, [DriverStatus("arm: motors", 0, "")]).not_received == ()


@pytest.mark.parametrize(
    ("mode", "errors", "fault", "words"),
    [
        (IDLE, [], RobotFault.NONE, ""),
        (MOVE, [], RobotFault.NONE, ""),
        (GUIDING, [], RobotFault.DRIVER, "guided by hand"),
        (REFLEX, ["joint_reflex"], RobotFault.REFLEX, "reflex (joint_reflex): run the robot's error recovery"),
        (USER_STOPPED, [], RobotFault.USER_STOP, "user stop: release it, then run"),
        (RECOVERY, [], RobotFault.DRIVER, "an error recovery runs"),
        (IDLE, ["power_limit_violation"], RobotFault.DRIVER, "error (power_limit_violation)"),
    ],
)
def test_a_franka_says_its_fault_by_mode_and_flags(mode: int, errors: list[str], fault: RobotFault, words: str) -> None:
    report = FrankaFault().assess(mode, errors)
    assert report.fault is fault
    assert words in report.text


@pytest.mark.parametrize("mode", [REFLEX, USER_STOPPED])
def test_a_franka_that_stopped_stays_in_fault_through_idle_until_it_moves_again(mode: int) -> None:
    franka = FrankaFault()
    stopped = franka.assess(mode, [])
    assert franka.assess(IDLE, []) == stopped
    assert franka.assess(RECOVERY, []) == stopped
    assert franka.assess(MOVE, []) == FaultReport()
    assert franka.assess(IDLE, []) == FaultReport()
