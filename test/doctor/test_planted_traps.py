# SPDX-License-Identifier: Apache-2.0
"""Each trap of units, names, clocks and cameras that labs have fallen into, planted on real topics, one at a time.

Doctor is run as a person would run it. Exactly the line that concerns the trap fails, and says what to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

rclpy = pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from fakes.planted_lab import PlantedLab, Traps, Values

from molmoact2_ros.cli.main import main
from molmoact2_ros.embodiment import Embodiment, share_folder

pytestmark = pytest.mark.node

DOMAIN = 19
SECONDS = "1.5"
SWEEP_HZ = 1.0  # the gripper opens and closes once while doctor listens
DRIVERS = {"droid": "franka_ros2_robotiq_forward", "so101": "so101_forward"}


@dataclass(frozen=True)
class Case:
    """A trap on a robot, the lines that fail, and words of the remedy. `arguments` are doctor's."""

    robot: str
    traps: Traps
    failing: tuple[str, ...]
    remedy: str
    arguments: tuple[str, ...] = ()
    content: Callable[[dict[str, Any]], None] = lambda content: None


def _sweep(time_s: float) -> Values:
    return {"gripper": 0.5 + 0.5 * np.sin(2 * np.pi * SWEEP_HZ * time_s)}


def _only(name: str, change: Callable[[float], float]) -> Callable[[Values], Values]:
    return lambda values: {joint: change(value) if joint == name else value for joint, value in values.items()}


def _degrees(values: Values) -> Values:
    return {name: float(np.rad2deg(value)) for name, value in values.items()}


def _older_calibration(values: Values) -> Values:
    """The arm stretched out level is 0: the lift is turned round, lift and elbow are a quarter turn on."""
    quarter = np.pi / 2
    return values | {
        "shoulder_lift": quarter - values["shoulder_lift"],
        "elbow_flex": quarter + values["elbow_flex"],
    }


def _counts_the_opening(content: dict[str, Any]) -> None:
    """A lab whose gripper driver says 0 closed to 1 open, in a profile of its own."""
    content["drivers"][DRIVERS["droid"]]["groups"][1]["unit"] = {}


def _knows_its_frames(content: dict[str, Any]) -> None:
    for camera in content["cameras"]:
        camera["frame_id"] = f"{camera['role']}_lens"


ARM, SO_ARM, FINGER = "joint1..joint7", "shoulder_pan..gripper", "robotiq_85_left_knuckle_joint"
KNUCKLE_RAD = 0.7929
CASES = {
    "gripper in metres": Case(
        "droid", Traps(_sweep, _only(FINGER, lambda knuckle: 0.085 * (1 - knuckle / KNUCKLE_RAD))),
        ("gripper unit",), "the unit of its profile",
    ),
    "raw knuckle radians where an opening is expected": Case(
        "droid", Traps(_sweep, _only(FINGER, lambda opening: KNUCKLE_RAD * (1 - opening))),
        ("gripper unit",), "the unit of its profile", content=_counts_the_opening,
    ),
    "gripper sense reversed": Case(
        "droid", Traps(raw=_only(FINGER, lambda opening: 1 - opening)),
        ("gripper unit",), "or give its profile the unit {scale: -1, offset: 1}",
        ("--gripper", "open"), _counts_the_opening,
    ),
    "degrees": Case("so101", Traps(raw=_degrees), (f"{SO_ARM} limits",), "these look like degrees"),
    "degrees of the arm alone": Case(
        "droid", Traps(raw=lambda values: values if FINGER in values else _degrees(values)),
        (f"{ARM} limits",), "these look like degrees",
    ),
    "older calibration": Case(
        "so101", Traps(raw=_older_calibration), (f"{SO_ARM} limits",), "LeRobot's older calibration: calibrate the arm",
    ),
    "names of another driver": Case(
        "droid", Traps(rename=lambda name: name.replace("fr3_", "panda_")),
        (f"{ARM} names",), "the driver says 'panda_joint' where the profile says 'fr3_joint'",
    ),
    "NaN": Case(
        "droid", Traps(raw=_only("fr3_joint4", lambda _: float("nan"))), (f"{ARM} values",), "the joint's encoder",
    ),
    "states too seldom": Case(
        "droid", Traps(state_rate_hz=6.0), (f"{ARM} rate", "gripper rate"), "raise the rate of the driver behind",
    ),
    "clock ahead": Case(
        "droid", Traps(clock_s=0.6),
        (f"{ARM} clock", "gripper clock", "camera external clock", "camera wrist clock"), "chrony or PTP",
    ),
    "clock behind": Case(
        "droid", Traps(clock_s=-0.6),
        (f"{ARM} clock", "gripper clock", "camera external clock", "camera wrist clock"), "chrony or PTP",
    ),
    "one camera twice": Case(
        "droid", Traps(feeds={"wrist": "external"}), ("cameras external and wrist",), "one camera feeds both",
    ),
    "swapped cameras": Case(
        "droid", Traps(frame_ids={"wrist": "external_lens", "external": "wrist_lens"}),
        ("camera external name", "camera wrist name"), "exchange the topics of the two cameras", (), _knows_its_frames,
    ),
    "two drivers of one joint": Case(
        "droid", Traps(twins=2), (f"{ARM} source", "gripper source"), "stop the others",
    ),
}  # fmt: skip


@pytest.fixture
def examine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[Case], tuple[int, dict[str, dict[str, str]]]]]:
    """Plant the traps of a case, run doctor, return its exit status and its checks by name."""
    # What the command sets too: so it is put back afterwards.
    monkeypatch.setenv("ROS_DOMAIN_ID", str(DOMAIN))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", str(share_folder() / "config" / "fastdds_profile.xml"))
    labs: list[PlantedLab] = []

    def run(case: Case) -> tuple[int, dict[str, dict[str, str]]]:
        path = _embodiment(tmp_path, case)
        robot = Embodiment.load(str(path))
        labs.append(PlantedLab(robot, robot.driver(DRIVERS[case.robot]), DOMAIN, case.traps))
        arguments = ["--driver", DRIVERS[case.robot], "--checkpoint", "demo", "--seconds", SECONDS, "--json"]
        status = main(["doctor", str(path), "--domain-id", str(DOMAIN), *arguments, *case.arguments])
        report = json.loads(capsys.readouterr().out.splitlines()[-1])
        return status, {check["name"]: check for check in report["checks"]}

    yield run
    for lab in labs:
        lab.close()


def _embodiment(folder: Path, case: Case) -> Path:
    shipped = share_folder()
    content = yaml.safe_load((shipped / "config" / "embodiments" / f"{case.robot}.yaml").read_text())
    case.content(content)
    content["urdf"] = str(shipped / "urdf" / content["urdf"])
    path = folder / f"{case.robot}.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


@pytest.mark.parametrize("name", CASES)
def test_exactly_the_line_of_a_planted_trap_fails_and_says_what_to_do(
    examine: Callable[[Case], tuple[int, dict[str, dict[str, str]]]], name: str
) -> None:
    case = CASES[name]
    status, checks = examine(case)
    failed = {check: entry for check, entry in checks.items() if entry["status"] == "failed"}
    assert set(failed) == set(case.failing), failed
    assert case.remedy in failed[case.failing[0]]["remedy"]
    assert status == 1


@pytest.mark.parametrize("robot", DRIVERS)
@pytest.mark.parametrize("arguments", [(), ("--gripper", "open")])
def test_the_same_lab_without_a_trap_passes(
    examine: Callable[[Case], tuple[int, dict[str, dict[str, str]]]], robot: str, arguments: tuple[str, ...]
) -> None:
    pose = {"gripper": 0.9}
    status, checks = examine(Case(robot, Traps(lambda _time_s: pose), (), "", arguments, _knows_its_frames))
    assert status == 0, [check for check in checks.values() if check["status"] == "failed"]
