# SPDX-License-Identifier: Apache-2.0
"""One short demo of each robot but DROID, which test_demo.py looks at more closely.

YAM moves behind trajectory controllers, SO-101 behind a forward controller that is streamed to.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from PIL import Image

from molmoact2_ros.embodiment import Embodiment

pytestmark = pytest.mark.graph

SECONDS = 6.0
CAMERA_HZ = 8  # as a slow machine can
LIMIT_S = 180.0
ATTEMPTS = 6
# The least that is still the real thing on a loaded machine.
COMMANDS_SHARE, CHUNKS_SHARE = 0.7, 0.3
TRACKING_RAD = 0.1
PATIENT = Path(__file__).with_name("patient_safety.yaml")


@pytest.fixture(
    scope="module", params=[("yam", "yam_ros2_control_forward", 41), ("so101", "so101_forward", 42)], ids=lambda p: p[0]
)
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Embodiment, dict, Path]:
    """One short demo: the robot, the last line of output, the report folder; repeated as in test_demo.py."""
    name, driver, domain = request.param
    arguments = ["--embodiment", name, "--driver", driver, "--seconds", str(SECONDS), "--domain-id", str(domain)]
    arguments += ["--safety-file", str(PATIENT), "--camera-rate", str(CAMERA_HZ)]
    for _ in range(ATTEMPTS):
        folder = tmp_path_factory.mktemp(name) / "report"
        command = [sys.executable, "-m", "molmoact2_ros.cli", "demo", "--headless", "--out", str(folder), *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        print(ended.stdout, ended.stderr)
        report: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        is_in_time = not report["starved_ticks"] and report["max_tracking_error"] < TRACKING_RAD
        if ended.returncode == 0 and is_in_time:
            break
    assert ended.returncode == 0, ended.stderr
    return Embodiment.load(name), report, folder


def test_demo_is_clean_and_says_so(demo: tuple[Embodiment, dict, Path]) -> None:
    robot, report, _ = demo
    assert (report["embodiment"], report["stop_causes"], report["safety_mode"]) == (robot.name, [], "armed")
    assert report["seconds"] == pytest.approx(SECONDS, abs=1.0)


def test_demo_follows_the_policy_without_a_gap_and_without_a_visible_seam(
    demo: tuple[Embodiment, dict, Path],
) -> None:
    robot, report, _ = demo
    arm_acceleration = robot.limits("acceleration")[~robot.is_gripper].min()
    assert report["starved_ticks"] == 0
    assert report["max_seam_velocity_step"] < arm_acceleration / robot.command_rate_hz
    assert 0 < report["max_tracking_error"] < TRACKING_RAD


def test_demo_runs_at_the_robot_s_rates(demo: tuple[Embodiment, dict, Path]) -> None:
    robot, report, _ = demo
    assert report["commands"] > COMMANDS_SHARE * robot.command_rate_hz * SECONDS
    assert report["chunks"] > CHUNKS_SHARE * CAMERA_HZ * SECONDS


def test_demo_leaves_pictures_of_every_camera_and_a_plot(demo: tuple[Embodiment, dict, Path]) -> None:
    robot, _, folder = demo
    for picture in ("contact_sheet.png", "joints.png"):
        assert Image.open(folder / picture).width > 400
    for role in robot.camera_roles:
        assert len(list((folder / "frames").glob(f"{role}_*.png"))) >= 6
