# SPDX-License-Identifier: Apache-2.0
"""The command line teaches, and refuses what it cannot use in one sentence with exit status 2."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from molmoact2_ros.cli.main import main

COMMANDS = (
    "demo",
    "up",
    "doctor",
    "arm",
    "stop",
    "reset",
    "status",
    "instruct",
    "parity",
    "tiny-checkpoint",
    "fit-demo",
    "false-alarms",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 5


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert [command for command in COMMANDS if command not in shown.split()] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demo", "--embodiment", "nonsense"], "unknown embodiment 'nonsense': expected droid"),
        (["up", "nonsense", "--sim"], "unknown embodiment 'nonsense'"),
        (["up", "nowhere.yaml", "--sim"], "nowhere.yaml does not exist: correct the path, or name a shipped robot"),
        (["parity", "--checkpoint", "/", "--golden", __file__], "not a readable .npz file: its content is something"),
        (["demo", "--out", f"{__file__}/run", "--domain-id", "28"], f"error: {__file__}/run"),
        (["demo", "--instruction", "  "], "the instruction is empty"),
        (["up", "droid", "--sim", "--instruction", ""], "the instruction is empty"),
        (["up", "droid", "--sim", "--checkpoint", "/"], "config.json"),
        (["up", "droid", "--driver", "telepathy"], "no driver 'telepathy'; it has franka_ros2_robotiq"),
        (["doctor", "nonsense"], "unknown embodiment 'nonsense'"),
        (["doctor", "droid", "--driver", "telepathy"], "no driver 'telepathy'; it has franka_ros2_robotiq"),
    ],
)
def test_bad_input_ends_with_status_2_and_one_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words in error
    assert error.count("\n") == 1


def test_a_warning_is_one_line_without_its_place_in_the_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def warn(_: object) -> int:
        warnings.warn("skipped 2 keys,\nsay", stacklevel=1)
        return 0

    monkeypatch.setattr("molmoact2_ros.cli.status.run", warn)
    assert main(["status"]) == 0
    assert capsys.readouterr().err == "warning: skipped 2 keys, say\n"


def test_a_checkpoint_that_cannot_be_fetched_ends_up_before_any_node_starts(tmp_path: Path) -> None:
    unreachable = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "molmoact2_ros.cli", "up", "droid", "--sim", "--checkpoint", "no-owner/nothing"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | unreachable,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1].startswith("error: ")
    assert "no-owner/nothing" in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--seconds", "0"],
        ["doctor", "droid", "--seconds", "0"],
        ["status", "--domain-id", "500"],
        ["dance"],
        [],
    ],
)
def test_an_argument_out_of_range_ends_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_the_demo_does_not_write_over_another_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.json").write_text("{}")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert "is not empty; give another --out" in capsys.readouterr().err


def test_without_ros_a_command_that_needs_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE", "FASTRTPS_DEFAULT_PROFILES_FILE"):
        monkeypatch.setenv(name, "")  # set by the command; restored after the test
    monkeypatch.delitem(sys.modules, "molmoact2_ros.operation.client", raising=False)
    monkeypatch.setitem(sys.modules, "rclpy", None)
    assert main(["status"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: rclpy not found: source ROS 2")
    assert error.count("\n") == 1
