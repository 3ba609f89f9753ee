# SPDX-License-Identifier: Apache-2.0
"""A minute in which nothing is wrong: safety refuses nothing, on every robot that is shipped. The hour is a command."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("ruckig", reason="interpolation brakes with ruckig")

from molmoact2_ros.cli.main import main
from molmoact2_ros.embodiment import Embodiment, shipped_embodiments
from molmoact2_ros.evaluation.false_stops.nominal_robot import CleanWorld
from molmoact2_ros.interfaces.safety_state import Cause

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", shipped_embodiments())
def test_a_clean_minute_passes_without_a_refusal(name: str) -> None:
    robot = Embodiment.load(name)
    world = CleanWorld(robot)
    world.arm()
    world.run(60.0)
    assert world.is_armed, world.snapshot.text
    assert world.snapshot.refused == 0, world.snapshot.last_refusal
    assert world.snapshot.passed_sequence > 59 * robot.command_rate_hz
    assert world.swing.max() > 0.05  # it moves


def test_the_clean_world_notices_when_something_is_wrong() -> None:
    world = CleanWorld(Embodiment.load("droid"))
    world.arm()
    world.run(3.0)
    world._middle = world._middle + np.eye(8)[1]
    world.run(3.0)
    assert world.snapshot.stop is not None
    assert world.snapshot.stop.cause in (Cause.ACCELERATION_LIMIT, Cause.VELOCITY_LIMIT)


def test_the_command_counts_and_ends_with_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["false-alarms", "droid", "--minutes", "0.05"]) == 0
    (result,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["robot_seconds"], result["refused"], result["stop"]) == (3.0, 0, "")
    assert result["commands"] > 100
