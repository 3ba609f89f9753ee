# SPDX-License-Identifier: Apache-2.0
"""When a demo in real time goes on in lockstep."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from molmoact2_ros.msg import SafetyState
from molmoact2_ros.operation.client import cause_name
from molmoact2_ros.recording.demo_run import LATE_CAUSES, DemoRun


@pytest.mark.parametrize(
    ("rate_hz", "factor", "reason"),
    [
        ("15.00", "1.000", ""),
        ("14.00", "0.980", ""),
        ("6.00", "1.000", "its cameras reach 6.0 Hz of 15 Hz"),
        ("15.00", "0.700", "its physics runs at 0.70 of real time"),
    ],
)
def test_a_simulator_below_its_rates_means_that_this_computer_is_too_slow(
    rate_hz: str, factor: str, reason: str, tmp_path: Path
) -> None:
    run = DemoRun(argparse.Namespace(embodiment="droid", seconds=1.0, headless=True), [], tmp_path, may_be_late=False)
    run._listener.diagnostics["simulator: cameras"] = {"rate_hz": rate_hz, "asked_hz": "15.0"}
    run._listener.diagnostics["simulator: physics"] = {"real_time_factor": factor}
    assert run._lateness() == reason


def test_causes_of_a_slow_computer_are_causes_of_safety() -> None:
    causes = {cause_name(getattr(SafetyState, name)) for name in dir(SafetyState) if name.startswith("CAUSE_")}
    assert causes >= LATE_CAUSES
