# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 faults` as a person runs it, with a few faults of different means; in real time, on an idle computer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

pytestmark = pytest.mark.realtime

DOMAIN = 91
LIMIT_S = 240.0
CAUSES = {
    "estop": "estop",
    "policy_hung": "policy silent",
    "policy_nan": "not finite",
    "camera_dead": "stale camera",
    "state_reordered": "none",
}


def test_faults_of_every_means_end_as_they_should_and_the_report_says_so(tmp_path: Path) -> None:
    only = [text for name in CAUSES for text in ("--only", name)]
    arguments = [
        "faults",
        "--domain-id",
        str(DOMAIN),
        "--out",
        str(tmp_path / "report"),
        *only,
    ]
    command = [sys.executable, "-m", "molmoact2_ros.cli", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    print(ended.stdout, ended.stderr)
    report = json.loads(ended.stdout.splitlines()[-1])
    assert {entry["name"]: entry["cause"] for entry in report["faults"]} == CAUSES
    assert (ended.returncode, report["ok"], report["embodiment"]) == (0, True, "droid")
    assert report["driver"] == "franka_ros2_robotiq_forward"
    for entry in report["faults"]:
        if entry["budget_ms"] is not None:
            assert 0 < entry["standstill_ms"] <= entry["budget_ms"], entry
    assert {path.stem for path in (tmp_path / "report").glob("*.png")} == set(CAUSES)
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == report
