# SPDX-License-Identifier: Apache-2.0
"""The list of faults as plain data: complete, named once, with budgets that add up. No ROS."""

from __future__ import annotations

from pathlib import Path

import pytest

from molmoact2_ros.bringup.graph import NODE_NAMES, OPTIONAL_NODES
from molmoact2_ros.cli.main import main
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.fault_injection.catalogue import catalogue, choose
from molmoact2_ros.fault_injection.catalogue.names import NODES
from molmoact2_ros.fault_injection.corrupted_chunks import KINDS
from molmoact2_ros.fault_injection.fault import MARGIN_S, NONE, Fault, Means
from molmoact2_ros.interfaces.safety_state import Cause
from molmoact2_ros.sim import InjectedFault

ROBOTS = ("droid", "yam", "so101")
BRIDGE_CAUSES = {"safety silent"}


PROFILES = [
    (name, driver.name)
    for name in ROBOTS
    for driver in Embodiment.load(name).drivers.values()
    if not driver.extra_messages
]


@pytest.fixture(params=PROFILES, ids="-".join)
def faults(request: pytest.FixtureRequest) -> tuple[Fault, ...]:
    """All faults of a robot with each driver profile that the simulator offers with common_interfaces alone."""
    name, driver = request.param
    robot = Embodiment.load(name)
    return catalogue(robot, robot.driver(driver))


def test_names_are_unique(faults: tuple[Fault, ...]) -> None:
    names = [fault.name for fault in faults]
    assert len(names) == len(set(names))
    assert len(names) > 90


def test_every_budget_is_the_sum_of_its_parts_and_each_part_has_a_reason(faults: tuple[Fault, ...]) -> None:
    for fault in faults:
        parts = (*fault.notice, *fault.brake)
        assert fault.budget_s == pytest.approx(sum(part.seconds for part in parts) + MARGIN_S), fault.name
        assert all(part.reason for part in parts), fault.name
        assert fault.carries_on or (fault.notice and fault.brake), fault.name


def test_every_expected_cause_exists(faults: tuple[Fault, ...]) -> None:
    known = {cause.name.replace("_", " ").lower() for cause in Cause} | BRIDGE_CAUSES | {NONE}
    for fault in faults:
        assert set(fault.expected) <= known, fault.name


def test_every_fault_says_what_there_is_to_do(faults: tuple[Fault, ...]) -> None:
    for fault in faults:
        if fault.action.means is Means.HARDWARE:
            assert InjectedFault.parse(fault.action.argument, _roles(fault.action.argument)).kind, fault.name
        if fault.action.means is Means.CHUNKS:
            assert fault.action.argument in KINDS
        if fault.action.means in (Means.KILL, Means.HANG, Means.PAUSE, Means.CYCLE, Means.SECOND):
            assert fault.action.argument in NODE_NAMES


def _roles(argument: str) -> tuple[str, ...]:
    """Return two roles, among them the one that an argument names."""
    return ("any", argument.split()[1] if len(argument.split()) > 1 else "other")


@pytest.mark.parametrize("means", [Means.KILL, Means.HANG, Means.PAUSE, Means.CYCLE, Means.SECOND])
def test_every_node_is_met_by_every_fault_of_a_process(means: Means, faults: tuple[Fault, ...]) -> None:
    met = {fault.action.argument for fault in faults if fault.action.means is means}
    assert met >= set(NODES)


def test_every_means_is_used(faults: tuple[Fault, ...]) -> None:
    assert {fault.action.means for fault in faults} == set(Means)


def test_wrong_velocities_harm_nothing_where_differences_are_taken_instead() -> None:
    yam = Embodiment.load("yam")
    expected = {}
    for driver in ("yam_ros2_control_forward", "i2rt_ros2_jazzy_forward"):
        found = {fault.name: fault.expected for fault in catalogue(yam, yam.driver(driver))}
        expected[driver] = found["velocities_degrees"], found["state_offset_degrees"]
    assert expected == {
        "yam_ros2_control_forward": (("velocity mismatch",), ("velocity mismatch", "jump")),
        "i2rt_ros2_jazzy_forward": ((), ("jump",)),
    }


def test_only_a_streamed_controller_is_sent_its_brake() -> None:
    so101 = Embodiment.load("so101")
    streamed = {
        name: catalogue(so101, so101.driver(name))[0].streamed for name in ("so101_trajectory", "so101_forward")
    }
    assert streamed == {"so101_trajectory": False, "so101_forward": True}


def test_a_profile_without_a_source_of_faults_has_no_faults_to_report() -> None:
    yam = Embodiment.load("yam")
    assert "robot_fault" not in [fault.name for fault in catalogue(yam, yam.driver("i2rt_ros2_jazzy_forward"))]


def test_every_node_is_killed_and_every_way_of_corrupting_chunks_is_tried(faults: tuple[Fault, ...]) -> None:
    actions = [fault.action for fault in faults]
    assert {action.victim for action in actions if action.means is Means.KILL} == {*NODE_NAMES} - {*OPTIONAL_NODES}
    assert {action.argument for action in actions if action.means is Means.CHUNKS} == set(KINDS)


def manual_row(fault: Fault) -> str:
    """Return the row of the safety manual for a fault, but for what was measured."""
    causes = [f"`{cause.upper().replace(' ', '_')}`" for cause in fault.expected if cause != NONE]
    words = " or ".join([*causes, "none: it carries on"] if fault.may_carry_on else causes)
    budget = "-" if fault.carries_on else f"{fault.budget_s * 1e3:.0f} ms"
    return f"| `{fault.name}` | {fault.does} | {words} | {budget} |"


def test_the_safety_manual_lists_every_fault_with_its_causes_and_budget() -> None:
    manual = (Path(__file__).parents[2] / "SAFETY.md").read_text()
    for fault in catalogue(Embodiment.load("droid")):
        assert manual_row(fault) in manual, manual_row(fault)


def test_an_unknown_fault_is_refused_with_those_known() -> None:
    faults = catalogue(Embodiment.load("droid"))
    with pytest.raises(ValueError, match=r"--only: expected one of estop, .*; got 'estpo'"):
        choose(faults, ["estpo"])
    assert [fault.name for fault in choose(faults, ["policy_nan", "estop"])] == ["estop", "policy_nan"]
    assert choose(faults, []) == list(faults)


def test_the_command_lists_faults_with_causes_and_budgets_and_starts_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["faults", "--list", "--only", "estop", "--only", "state_reordered"]) == 0
    printed = capsys.readouterr().out
    assert "expected: estop, stands within 560 ms" in printed
    assert "expected: none (carries on correctly)\n" in printed


def test_the_command_refuses_an_unknown_fault_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults", "--only", "gremlins"]) == 2
    assert capsys.readouterr().err.startswith("error: --only: expected one of estop")
