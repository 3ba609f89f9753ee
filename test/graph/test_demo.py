# SPDX-License-Identifier: Apache-2.0
"""The demo as a person runs it: its last line, its exit status, what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from PIL import Image
from rosbags.highlevel import AnyReader

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.nodes.graph import NODE_NAMES

pytestmark = pytest.mark.graph

SECONDS = 6.0
CAMERA_HZ = 8  # as a slow machine can
LIMIT_S = 180.0
ATTEMPTS = 6
TRACKING_RAD = 0.1
PATIENT = Path(__file__).with_name("patient_safety.yaml")
DEAF_TO_CTRL_C = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")  # as shells start what they put into the background
DOMAIN, BUSY_DOMAIN, INTERRUPTED_DOMAIN, BLIND_DOMAIN = 83, 84, 85, 82


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "molmoact2_ros.cli", *arguments]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], dict[str, Any], Path]:
    """One short demo: the ended process, its last line, its report folder.

    A run that was not clean is repeated: when another process takes a core for a while, no chunk comes in time.
    """
    for _ in range(ATTEMPTS):
        folder = tmp_path_factory.mktemp("demo") / "report"
        arguments = ("demo", "--headless", "--seconds", str(SECONDS), "--out", str(folder), "--domain-id", str(DOMAIN))
        arguments += ("--safety-file", str(PATIENT), "--camera-rate", str(CAMERA_HZ))
        ended = subprocess.run(_command(*arguments), capture_output=True, text=True, timeout=LIMIT_S, check=False)
        print(ended.stdout, ended.stderr)
        report = json.loads(ended.stdout.splitlines()[-1])
        is_in_time = not report["starved_ticks"] and report["max_tracking_error"] < TRACKING_RAD
        if ended.returncode == 0 and is_in_time:
            break
    return ended, report, folder


def test_demo_is_clean_and_says_so(demo: tuple[subprocess.CompletedProcess[str], dict[str, Any], Path]) -> None:
    ended, report, folder = demo
    assert (ended.returncode, report["stop_causes"], report["safety_mode"]) == (0, [], "armed")
    assert report["seconds"] == pytest.approx(SECONDS, abs=1.0)
    assert (report["embodiment"], Path(report["report"])) == ("droid", folder)


def test_demo_follows_the_policy_without_a_gap_and_without_a_visible_seam(
    demo: tuple[subprocess.CompletedProcess[str], dict[str, Any], Path],
) -> None:
    _, report, _ = demo
    robot = Embodiment.load("droid")
    arm_acceleration = robot.limits("acceleration")[~robot.is_gripper].min()
    assert report["starved_ticks"] == 0
    assert report["max_seam_velocity_step"] < arm_acceleration / robot.command_rate_hz
    assert 0 < report["max_tracking_error"] < TRACKING_RAD


def test_demo_runs_at_the_robot_s_rates(
    demo: tuple[subprocess.CompletedProcess[str], dict[str, Any], Path],
) -> None:
    _, report, _ = demo
    robot = Embodiment.load("droid")
    # The least that is still the real thing on a loaded machine; what it reaches is in the README.
    assert report["commands"] > 0.7 * robot.command_rate_hz * SECONDS
    assert report["chunks"] > 0.3 * CAMERA_HZ * SECONDS
    assert report["observations"] >= report["chunks"] - 1
    assert 0 < report["observation_to_chunk_ms"]["p50"] <= report["observation_to_chunk_ms"]["p99"]


def test_demo_leaves_pictures_a_plot_and_a_readable_bag(
    demo: tuple[subprocess.CompletedProcess[str], dict[str, Any], Path],
) -> None:
    _, report, folder = demo
    for picture in ("contact_sheet.png", "joints.png"):
        assert Image.open(folder / picture).width > 500
    assert len(list((folder / "frames").glob("external_*.png"))) >= 6
    assert json.loads((folder / "report.json").read_text())["chunks"] == report["chunks"]
    with AnyReader([folder / "bag"]) as reader:
        counts = {connection.topic: connection.msgcount for connection in reader.connections}
    assert counts["/command/safe"] >= report["commands"]
    assert counts["/camera/wrist/image"] > 0


def test_demo_shows_a_table_and_not_a_void(
    demo: tuple[subprocess.CompletedProcess[str], dict[str, Any], Path],
) -> None:
    for path in sorted((demo[2] / "frames").glob("external_*.png")):
        colours = Image.open(path).quantize(32).getcolors()
        assert colours is not None
        assert max(count for count, _ in colours) < 0.5 * 320 * 180


def _start_up(domain: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*DEAF_TO_CTRL_C, *_command("up", "droid", "--sim", "--domain-id", str(domain))],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "perception" in line and line.endswith("ready\n"):
            return process
    raise AssertionError("the graph did not come up")


def test_up_refuses_a_domain_in_which_a_graph_runs_already() -> None:
    first = _start_up(BUSY_DOMAIN)
    try:
        second = subprocess.run(
            _command("up", "droid", "--sim", "--domain-id", str(BUSY_DOMAIN)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        first.send_signal(signal.SIGINT)
        first.wait(30)
    assert second.returncode == 2
    # Those that it has found by then: nodes on a busy machine take seconds to find each other.
    named = re.match(r"error: another graph runs in this ROS domain: (.+); stop it, or give", second.stderr)
    assert named is not None, second.stderr
    assert set(named[1].split(", ")) <= set(NODE_NAMES)


def test_up_ends_with_ctrl_c_and_leaves_no_process_behind() -> None:
    process = _start_up(INTERRUPTED_DOMAIN)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert len(children) == 6
    time.sleep(0.1)
    assert [child for child in children if os.path.exists(f"/proc/{child}")] == []


def test_demo_on_a_machine_without_egl_says_so_once_and_in_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUJOCO_EGL_DEVICE_ID", "99")  # a device that no machine has
    arguments = ("demo", "--headless", "--out", str(tmp_path / "report"), "--domain-id", str(BLIND_DOMAIN))
    ended = subprocess.run(_command(*arguments), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: simulator exited with 2: camera images need EGL")
    assert ended.stderr.count("\n") == 1
    assert "EGL" in json.loads(ended.stdout.splitlines()[-1])["stop_causes"][0]
    assert sum("EGL" in line for line in ended.stdout.splitlines()) == 1
