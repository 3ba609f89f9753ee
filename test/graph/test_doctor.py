# SPDX-License-Identifier: Apache-2.0
"""Doctor next to the simulator alone, as a person runs it before the graph: nothing fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")
pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")

from molmoact2_ros.embodiment import share_folder

# Doctor measures rates: where another process takes the processor from the simulator, they fall, and doctor says so.
pytestmark = pytest.mark.realtime

DOMAIN = 17
LIMIT_S = 120.0
ATTEMPTS = 3  # a simulator that has just started on a busy machine stands still for seconds
DRIVER = "franka_ros2_robotiq_forward"


@pytest.fixture
def simulator() -> Iterator[subprocess.Popen[str]]:
    own = {
        "ROS_DOMAIN_ID": str(DOMAIN),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "FASTRTPS_DEFAULT_PROFILES_FILE": str(share_folder() / "config" / "fastdds_profile.xml"),
    }
    command = [sys.executable, "-m", "molmoact2_ros.nodes.simulator_node"]
    process = subprocess.Popen(command, env=os.environ | own, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    started = process.stderr.readline()
    if "EGL" in started:
        pytest.skip(started)
    assert "simulating" in started
    yield process
    process.terminate()
    process.wait(20)


def _doctor() -> subprocess.CompletedProcess[str]:
    arguments = ["--driver", DRIVER, "--checkpoint", "demo", "--domain-id", str(DOMAIN), "--json"]
    command = [sys.executable, "-m", "molmoact2_ros.cli", "doctor", "droid", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    print(ended.stdout, ended.stderr)
    return ended


def test_doctor_finds_nothing_wrong_with_the_simulated_drivers(simulator: subprocess.Popen[str]) -> None:
    for _ in range(ATTEMPTS):
        ended = _doctor()
        if ended.returncode == 0:
            break
    report = json.loads(ended.stdout.splitlines()[-1])
    assert (ended.returncode, report["ok"], report["driver"]) == (0, True, DRIVER)
    # Rates are the machine's affair; everything else is the robot's.
    assert [check for check in report["checks"] if check["status"] != "ok" and not check["name"].endswith("rate")] == []
    assert ended.stderr == ""
