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

from molmoact2_ros.bringup.graph import NODE_NAMES, OPTIONAL_NODES
from molmoact2_ros.embodiment import Embodiment

pytestmark = pytest.mark.graph

SECONDS = 3.0
LIMIT_S = 900.0  # of one command, on the busiest computer
TRACKING_RAD = 0.1
CAMERA_HZ = 15
IGNORING_CTRL_C = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")  # as shells start what they put into the background
DOMAIN, BUSY_DOMAIN, INTERRUPTED_DOMAIN, BLIND_DOMAIN, SEED_DOMAIN, SLOW_DOMAIN = 83, 84, 85, 40, 43, 29


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "molmoact2_ros.cli", *arguments]


Demo = tuple[Embodiment, dict[str, Any], Path]


@pytest.fixture(
    scope="module",
    params=[
        ("droid", "franka_ros2_robotiq_forward", DOMAIN),
        ("yam", "yam_ros2_control_forward", 41),
        ("so101", "so101_forward", 42),  # a forward controller, which is sent a stream
    ],
    ids=lambda p: p[0],
)
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """One short demo of each robot, in lockstep: the robot, the last line of output, the report folder."""
    name, driver, domain = request.param
    folder = tmp_path_factory.mktemp(name) / "report"
    report = _demo(folder, domain, "--embodiment", name, "--driver", driver)
    return Embodiment.load(name), report, folder


def _demo(folder: Path, domain: int, *arguments: str, seconds: float = SECONDS) -> dict[str, Any]:
    own = ("demo", "--lockstep", "--headless", "--seconds", str(seconds), "--out", str(folder), "--domain-id")
    ended = subprocess.run(
        _command(*own, str(domain), *arguments), capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    print(ended.stdout, ended.stderr)
    report: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    assert ended.returncode == int(bool(report["stop_causes"])), ended.stderr
    return report


def test_demo_is_clean_and_says_so(demo: Demo) -> None:
    robot, report, folder = demo
    assert (report["stop_causes"], report["safety_mode"]) == ([], "armed")
    assert report["seconds"] == pytest.approx(SECONDS, abs=0.2)
    assert (report["embodiment"], Path(report["report"])) == (robot.name, folder)


def test_demo_follows_the_policy_without_a_gap_and_without_a_visible_seam(demo: Demo) -> None:
    robot, report, _ = demo
    arm_acceleration = robot.limits("acceleration")[~robot.is_gripper].min()
    assert report["starved_ticks"] == 0
    assert report["max_seam_velocity_step"] < arm_acceleration / robot.command_rate_hz
    assert 0 < report["max_tracking_error"] < TRACKING_RAD


def test_demo_runs_at_the_robot_s_rates(demo: Demo) -> None:
    robot, report, _ = demo
    assert report["commands"] == pytest.approx(robot.command_rate_hz * report["seconds"], abs=3)
    assert report["observations"] == pytest.approx(CAMERA_HZ * report["seconds"], rel=0.05)
    # An inference takes 80 ms of simulated time, an observation comes every 67 ms.
    assert report["chunks"] == pytest.approx(report["seconds"] / 0.08, rel=0.1)
    assert 80 < report["observation_to_chunk_ms"]["p50"] <= report["observation_to_chunk_ms"]["p99"] < 200


def test_demo_leaves_images_of_every_camera_a_plot_and_a_readable_bag(demo: Demo) -> None:
    robot, report, folder = demo
    for image in ("contact_sheet.png", "joints.png"):
        assert Image.open(folder / image).width > 400
    for role in robot.camera_roles:
        assert len(list((folder / "frames").glob(f"{role}_*.png"))) >= 6
    assert json.loads((folder / "report.json").read_text())["chunks"] == report["chunks"]
    with AnyReader([folder / "bag"]) as reader:
        counts = {connection.topic: connection.msgcount for connection in reader.connections}
    assert counts["/command/safe"] >= report["commands"]
    assert all(counts[f"/{camera.topic}"] > SECONDS * CAMERA_HZ * 0.9 for camera in robot.cameras)


def test_demo_shows_a_table_and_not_a_void(demo: Demo) -> None:
    robot, _, folder = demo
    for path in sorted((folder / "frames").glob(f"{robot.camera_roles[0]}_*.png")):
        image = Image.open(path)
        colours = image.quantize(32).getcolors()
        assert colours is not None
        assert max(count for count, _ in colours) < 0.6 * image.width * image.height


def test_two_runs_of_one_seed_are_equal_to_the_bit_and_those_of_another_seed_differ(tmp_path: Path) -> None:
    digests = [
        _demo(tmp_path / f"{index}", SEED_DOMAIN, "--seed", seed, seconds=1.0)["digest"]
        for index, seed in enumerate(("3", "3", "4"))
    ]
    assert digests[0] == digests[1] != digests[2]


def _start_up(domain: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*IGNORING_CTRL_C, *_command("up", "droid", "--sim", "--lockstep", "--domain-id", str(domain))],
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
            timeout=LIMIT_S,
            check=False,
        )
    finally:
        first.send_signal(signal.SIGINT)
        first.wait(LIMIT_S)
    assert second.returncode == 2
    # Those that it has found by then: nodes on a busy machine take seconds to find each other.
    named = re.match(r"error: another graph runs in this ROS domain: (.+); stop it, or give", second.stderr)
    assert named is not None, second.stderr
    assert set(named[1].split(", ")) <= set(NODE_NAMES)


def test_up_ends_with_ctrl_c_and_leaves_no_process_behind() -> None:
    process = _start_up(INTERRUPTED_DOMAIN)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGINT)
    assert process.wait(LIMIT_S) == 0
    assert len(children) == len(NODE_NAMES) - len(OPTIONAL_NODES)
    time.sleep(0.1)
    assert [child for child in children if os.path.exists(f"/proc/{child}")] == []


def test_demo_on_a_machine_without_egl_says_so_once_and_in_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUJOCO_EGL_DEVICE_ID", "99")  # a device that no machine has
    arguments = (
        "demo",
        "--lockstep",
        "--headless",
        "--out",
        str(tmp_path / "report"),
        "--domain-id",
        str(BLIND_DOMAIN),
    )
    ended = subprocess.run(_command(*arguments), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: simulator exited with 2: camera images need EGL")
    assert ended.stderr.count("\n") == 1
    assert "EGL" in json.loads(ended.stdout.splitlines()[-1])["stop_causes"][0]
    assert sum("EGL" in line for line in ended.stdout.splitlines()) == 1


def test_demo_on_a_computer_that_cannot_keep_real_time_goes_on_in_lockstep_and_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    # No software renderer makes as many images as that.
    arguments = ("demo", "--headless", "--camera-rate", "120", "--seconds", "0.5", "--out", str(folder))
    command = _command(*arguments, "--domain-id", str(SLOW_DOMAIN))
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    print(ended.stdout, ended.stderr)
    report = json.loads(ended.stdout.splitlines()[-1])
    assert "this computer cannot keep real time" in ended.stdout
    assert "of real time" in ended.stdout
    assert (ended.returncode, report["lockstep"], report["stop_causes"]) == (0, True, [])
    assert (folder / "real_time" / "logs").is_dir()
