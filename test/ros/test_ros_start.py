# SPDX-License-Identifier: Apache-2.0
"""Environments in which ROS cannot start: every program says one sentence and ends with status 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from molmoact2_ros.bringup.graph import NODE_NAMES

pytestmark = pytest.mark.node

DOMAIN = "43"
CLI = [sys.executable, "-m", "molmoact2_ros.cli"]
COMMANDS = [
    ["status"],
    ["arm"],
    ["instruct", "go"],
    ["task", "go"],
    ["home", "droid"],
    ["up", "droid", "--sim"],
    ["demo"],
    ["doctor", "droid", "--checkpoint", "demo"],
    ["faults", "--only", "estop"],
]
PROGRAMS = [[*CLI, *command, "--domain-id", DOMAIN] for command in COMMANDS]
PROGRAMS += [
    [sys.executable, "-c", f"import sys; from molmoact2_ros.ros.ros_start import run_node as r; "
     f"sys.exit(r('molmoact2_ros.nodes.{name}_node'))"]
    for name in NODE_NAMES
]  # fmt: skip
IDS = [*(command[0] for command in COMMANDS), *NODE_NAMES]


def _end(program: list[str], folder: Path, **changed: str | None) -> str:
    """Run a program that is expected to refuse; return its one sentence."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROS_", "RMW_", "PYTHONPATH"))}
    environment = {**kept, "ROS_DOMAIN_ID": DOMAIN} | changed
    ended = subprocess.run(
        program, capture_output=True, text=True, timeout=180, check=False, cwd=folder,
        env={name: value for name, value in environment.items() if value is not None},
    )  # fmt: skip
    assert ended.returncode == 2, ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr
    sentences = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert len(sentences) == 1, ended.stderr
    return sentences[0]


@pytest.mark.parametrize("program", PROGRAMS, ids=IDS)
def test_a_middleware_that_is_not_here_is_named_with_the_one_that_is(program: list[str], tmp_path: Path) -> None:
    words = _end(program, tmp_path, RMW_IMPLEMENTATION="rmw_cyclonedds_cpp")
    assert "RMW_IMPLEMENTATION=rmw_cyclonedds_cpp: this environment has rmw_fastrtps_cpp alone" in words
    assert "unset RMW_IMPLEMENTATION" in words


@pytest.mark.parametrize("program", [PROGRAMS[0], PROGRAMS[7], PROGRAMS[-1]], ids=["status", "doctor", IDS[-1]])
@pytest.mark.parametrize("home", [None, "/proc/nowhere"])
def test_without_a_home_the_folder_of_the_log_is_asked_for(
    program: list[str], home: str | None, tmp_path: Path
) -> None:
    assert "set ROS_LOG_DIR to a folder that can be written" in _end(program, tmp_path, HOME=home)


@pytest.mark.parametrize("program", [PROGRAMS[0], PROGRAMS[-1]], ids=[IDS[0], IDS[-1]])
@pytest.mark.parametrize("package", ["rclpy", "std_msgs"])
def test_a_ros_of_another_python_is_named_with_the_variable_that_brings_it(
    program: list[str], package: str, tmp_path: Path
) -> None:
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(f"from {package} import _built_for_another_python\n")
    words = _end(program, tmp_path, PYTHONPATH=str(tmp_path))
    assert "PYTHONPATH brings a ROS that this Python" in words
    assert words.endswith("unset PYTHONPATH")


@pytest.mark.parametrize("domain", ["300", "abc", "-1"])
def test_a_domain_that_does_not_exist_is_named(domain: str, tmp_path: Path) -> None:
    assert f"ROS_DOMAIN_ID={domain}: expected" in _end(PROGRAMS[-1], tmp_path, ROS_DOMAIN_ID=domain)
