# SPDX-License-Identifier: Apache-2.0
"""A stage's durations against its budget. Needs the ROS wheels for the levels of diagnostics alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from molmoact2_ros.ros.latency_budget import LatencyBudget

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from molmoact2_ros.ros.lifecycle import ERROR, OK, WARN

pytestmark = pytest.mark.node

ROOM = Path(__file__).parents[2]


def _stage(*durations_ms: float, budget_ms: float = 20.0, kept: int = 100) -> LatencyBudget:
    stage = LatencyBudget("skew", budget_ms, kept)
    for duration_ms in durations_ms:
        stage.add(duration_ms)
    return stage


@pytest.mark.parametrize(
    ("durations_ms", "level"),
    [
        pytest.param([5.0] * 50, OK, id="all within"),
        pytest.param([5.0] * 49 + [900.0], OK, id="one outlier"),
        pytest.param([900.0] * 3, OK, id="too few to judge"),
        pytest.param([5.0] * 40 + [25.0] * 6, WARN, id="now and then"),
        pytest.param([5.0] * 20 + [25.0] * 21, ERROR, id="mostly"),
    ],
)
def test_a_stage_is_judged_by_the_share_that_is_over_its_budget(durations_ms: list[float], level: bytes) -> None:
    assert _stage(*durations_ms).report()[1] == level


def test_a_stage_that_got_slow_is_mended_once_the_slow_ones_are_forgotten() -> None:
    assert _stage(*[90.0] * 100, *[5.0] * 100).report()[1] == OK


def test_the_entry_has_the_figures_the_budget_and_a_sentence_with_both() -> None:
    name, _, text, values = _stage(*[25.0] * 30).report()
    assert (name, text) == ("skew", "100 % are over the budget of 20 ms: 25 ms at the median")
    assert values == {"budget_ms": 20.0, "samples": 30, "p50_ms": 25.0, "p99_ms": 25.0, "over_budget_percent": 100.0}


def test_a_stage_without_figures_says_so_and_is_no_fault() -> None:
    assert _stage().report() == ("skew", OK, "nothing to measure yet", {"budget_ms": 20.0, "samples": 0})


def test_every_stage_of_the_nodes_stands_in_the_table_of_budgets() -> None:
    table = (ROOM / "doc" / "integration.md").read_text()
    code = "".join(path.read_text() for path in sorted((ROOM / "molmoact2_ros" / "nodes").glob("*_node.py")))
    stages = re.findall(r'LatencyBudget\(\s*f?"([^"]+)"', code)
    assert len(stages) == 12
    for stage in stages:
        assert f"`{stage.replace('{role}', 'ROLE')}`" in table
