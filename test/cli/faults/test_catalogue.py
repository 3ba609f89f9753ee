# SPDX-License-Identifier: Apache-2.0
"""The list of faults as plain data: complete, named once, with budgets that add up. No ROS."""

from __future__ import annotations

from pathlib import Path

import pytest

from molmoact2_ros.cli.faults.catalogue import catalogue, choose
from molmoact2_ros.cli.faults.fault import MARGIN_S, Means
from molmoact2_ros.cli.faults.spoilt_chunks import KINDS
from molmoact2_ros.cli.main import main
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.nodes.graph import NODE_NAMES
from molmoact2_ros.safety.causes import Cause
from molmoact2_ros.sim import Misbehaviour

ROBOTS = ("droid", "yam", "so101")
BRIDGE_CAUSES = {"safety silent"}


@pytest.fixture(params=ROBOTS)
def robot(request: pytest.FixtureRequest) -> Embodiment:
    return Embodiment.load(request.param)


def test_names_are_unique(robot: Embodiment) -> None:
    names = [fault.name for fault in catalogue(robot)]
    assert len(names) == len(set(names))
    assert len(names) > 35


def test_every_budget_is_the_sum_of_its_parts_and_each_part_has_a_reason(robot: Embodiment) -> None:
    for fault in catalogue(robot):
        parts = (*fault.notice, *fault.brake)
        assert fault.budget_s == pytest.approx(sum(part.seconds for part in parts) + MARGIN_S), fault.name
        assert all(part.reason for part in parts), fault.name
        assert fault.carries_on or (fault.notice and fault.brake), fault.name


def test_every_expected_cause_exists(robot: Embodiment) -> None:
    known = {cause.name.replace("_", " ").lower() for cause in Cause} | BRIDGE_CAUSES
    for fault in catalogue(robot):
        assert set(fault.expected) <= known, fault.name


def test_every_fault_says_what_there_is_to_do(robot: Embodiment) -> None:
    for fault in catalogue(robot):
        if fault.action.means is Means.HARDWARE:
            assert Misbehaviour.parse(fault.action.argument, robot.camera_roles).kind, fault.name
        if fault.action.means is Means.CHUNKS:
            assert fault.action.argument in KINDS
        if fault.action.means in (Means.KILL, Means.HANG):
            assert fault.action.victim in NODE_NAMES


def test_every_node_is_killed_and_every_way_of_spoiling_chunks_is_tried(robot: Embodiment) -> None:
    actions = [fault.action for fault in catalogue(robot)]
    assert {action.victim for action in actions if action.means is Means.KILL} == set(NODE_NAMES)
    assert {action.argument for action in actions if action.means is Means.CHUNKS} == set(KINDS)


def test_the_safety_manual_lists_every_fault_with_its_causes_and_budget() -> None:
    manual = (Path(__file__).parents[3] / "SAFETY.md").read_text()
    for fault in catalogue(Embodiment.load("droid")):
        causes = " or ".join(f"`{cause.upper().replace(' ', '_')}`" for cause in fault.expected)
        budget = f"{fault.budget_s * 1e3:.0f} ms" if fault.expected else "-"
        row = f"| `{fault.name}` | {fault.does} | {causes or 'none: it carries on'} | {budget} |"
        assert row in manual, row


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
