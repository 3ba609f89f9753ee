# SPDX-License-Identifier: Apache-2.0
"""What drivers say of their robots becomes one fault in their own words. No ROS."""

from __future__ import annotations

import pytest

from molmoact2_ros.bridge import DriverStatus, FaultReport, FrankaFault, RobotFaults, diagnostic_faults
from molmoact2_ros.embodiment import DIAGNOSTICS, HARDWARE_COMPONENTS, Fault, FaultSource

ANY_COMPONENT = FaultSource(HARDWARE_COMPONENTS, "/diagnostics")
OWN_STATUS = FaultSource(DIAGNOSTICS, "/diagnostics", ("arm: motors",))
IDLE, MOVE, GUIDING, REFLEX, USER_STOPPED, RECOVERY = range(1, 7)


def _manager(level: int = 0, message: str = "said", **components: str) -> DriverStatus:
    return DriverStatus("controller_manager: Hardware Components Activity", level, message, components)


def _heard(source: FaultSource, *rounds: list[DriverStatus]) -> RobotFaults:
    faults = RobotFaults([source])
    for statuses in rounds:
        faults.take(source, diagnostic_faults(source, statuses))
    return faults


def test_components_that_are_all_active_are_no_fault_whatever_the_level_says() -> None:
    late = _manager(2, "High execution jitter", arm="active", **{"arm.read_cycle.execution_time": "7.2"})
    assert _heard(ANY_COMPONENT, [late]).present == FaultReport()


def test_a_component_that_is_not_active_is_a_fault_in_the_managers_words() -> None:
    present = _heard(ANY_COMPONENT, [_manager(0, "Not all are", arm="unconfigured", gripper="active")]).present
    assert present.fault is Fault.DRIVER
    assert present.text == "hardware component arm is unconfigured, not active; its manager says: Not all are"


def test_two_managers_on_one_topic_do_not_hide_each_others_faults() -> None:
    rounds = [[_manager(arm="inactive")], [_manager(gripper="active")]]
    assert "arm is inactive" in _heard(ANY_COMPONENT, *rounds).present.text
    assert _heard(ANY_COMPONENT, *rounds, [_manager(arm="active")]).present == FaultReport()


def test_only_components_that_are_named_count() -> None:
    mine = FaultSource(HARDWARE_COMPONENTS, "/diagnostics", ("arm",))
    assert _heard(mine, [_manager(arm="active", spare="inactive")]).present == FaultReport()
    assert _heard(mine, [_manager(arm="finalized")]).present.fault is Fault.DRIVER


@pytest.mark.parametrize(("level", "fault"), [(0, Fault.NONE), (1, Fault.NONE), (2, Fault.DRIVER), (3, Fault.DRIVER)])
def test_a_drivers_own_status_is_a_fault_from_error_on(level: int, fault: Fault) -> None:
    others = DriverStatus("joy: device", 2, "not open")
    present = _heard(OWN_STATUS, [others, DriverStatus("arm: motors", level, "motor 3 lost")]).present
    assert present.fault is fault
    assert present.text == ("arm: motors says: motor 3 lost" if fault else "")


def test_a_source_is_unheard_until_it_speaks_of_what_counts() -> None:
    assert _heard(OWN_STATUS, [DriverStatus("joy: device", 0, "")]).unheard == (OWN_STATUS,)
    assert _heard(OWN_STATUS, [DriverStatus("arm: motors", 0, "")]).unheard == ()


@pytest.mark.parametrize(
    ("mode", "errors", "fault", "words"),
    [
        (IDLE, [], Fault.NONE, ""),
        (MOVE, [], Fault.NONE, ""),
        (GUIDING, [], Fault.DRIVER, "guided by hand"),
        (REFLEX, ["joint_reflex"], Fault.REFLEX, "reflex (joint_reflex): run the robot's error recovery"),
        (USER_STOPPED, [], Fault.USER_STOP, "user stop: release it, then run"),
        (RECOVERY, [], Fault.DRIVER, "an error recovery runs"),
        (IDLE, ["power_limit_violation"], Fault.DRIVER, "error (power_limit_violation)"),
    ],
)
def test_a_franka_says_its_fault_by_mode_and_flags(mode: int, errors: list[str], fault: Fault, words: str) -> None:
    report = FrankaFault().judge(mode, errors)
    assert report.fault is fault
    assert words in report.text


@pytest.mark.parametrize("mode", [REFLEX, USER_STOPPED])
def test_a_franka_that_stopped_stays_in_fault_through_idle_until_it_moves_again(mode: int) -> None:
    franka = FrankaFault()
    stopped = franka.judge(mode, [])
    assert franka.judge(IDLE, []) == stopped
    assert franka.judge(RECOVERY, []) == stopped
    assert franka.judge(MOVE, []) == FaultReport()
    assert franka.judge(IDLE, []) == FaultReport()
