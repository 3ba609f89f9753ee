# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 demo --think`: the robot moves as ever, and most depth codes are used again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from PIL import Image

from molmoact2_ros.recording.depth_record import FULL_MAPS, REST_MAPS

pytestmark = pytest.mark.graph

SECONDS, LIMIT_S, DOMAIN = 4.0, 900.0, 33
REUSED_AT_REST = 0.9


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Any], Path]:
    """One short demo in lockstep: exit status, report.json, report folder."""
    folder = tmp_path_factory.mktemp("think") / "report"
    arguments = ["--headless", "--seconds", str(SECONDS), "--out", str(folder), "--domain-id", str(DOMAIN)]
    command = [sys.executable, "-m", "molmoact2_ros.cli", "demo", "--think", "--lockstep", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    print(ended.stdout, ended.stderr)
    return ended.returncode, json.loads((folder / "report.json").read_text()), folder


def test_demo_that_thinks_is_clean(demo: tuple[int, dict[str, Any], Path]) -> None:
    status, report, _ = demo
    assert (status, report["stop_causes"], report["safety_mode"]) == (0, [], "armed")
    assert report["chunks"] > SECONDS


def test_depth_codes_of_a_still_scene_are_used_again(demo: tuple[int, dict[str, Any], Path]) -> None:
    depth = demo[1]["depth"]
    assert depth["maps"] >= REST_MAPS + demo[1]["chunks"] - 1
    assert depth["reused_at_rest"] >= REUSED_AT_REST
    assert depth["forwards_at_rest"] < depth["forwards_first"]


def test_a_moving_arm_has_some_cells_decoded_and_the_others_used_again(demo: tuple[int, dict[str, Any], Path]) -> None:
    depth = demo[1]["depth"]
    assert 0.2 < depth["reused_in_motion"] < depth["reused_at_rest"]
    assert depth["maps_decoded_in_full"] <= depth["maps"] / 4 + FULL_MAPS


def test_maps_can_be_decoded_to_metres(demo: tuple[int, dict[str, Any], Path]) -> None:
    assert demo[1]["depth"]["pictures_in_metres"] > 3


def test_report_shows_the_maps(demo: tuple[int, dict[str, Any], Path]) -> None:
    assert Image.open(demo[2] / "depth.png").width > 500
