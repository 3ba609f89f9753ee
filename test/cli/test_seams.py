# SPDX-License-Identifier: Apache-2.0
"""The seam benchmark from the command line: what it prints and writes, and when it says that the goal is missed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from molmoact2_ros.cli.main import main
from molmoact2_ros.cli.seams import BLEND_S
from molmoact2_ros.evaluation.chunk_seams.bench import SEAM
from molmoact2_ros.interpolation import InterpolationSettings

pytestmark = pytest.mark.slow

TINY = Path(__file__).parents[1] / "data" / "parity" / "tiny_base"


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    status = main(["seams", "--chunks", "20", *arguments])
    output = capsys.readouterr().out
    return status, json.loads(output.splitlines()[-1]), output


def test_modes_meet_the_goal_where_baselines_are_far_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, report, output = _run(capsys, "--delays", "0", "4", "8", "--no-model", "--out", str(tmp_path))
    assert (status, report["ok"], report["failures"]) == (0, True, [])
    assert set(report["modes"]) == {"receding", "ensemble", "rtc"}
    for delay in ("0", "4", "8"):
        for figures in report["modes"].values():
            assert figures[delay]["jump_ratio"] <= 1.05
            assert figures[delay]["seam_jerk_ratio"] <= 1.2
        for name in ("none", "lerobot", "act"):
            assert report["baselines"][name][delay]["seam_jerk_ratio"] > 10
    assert "seam jerk ratio" in output
    assert (tmp_path / "seams.png").stat().st_size > 20_000
    assert json.loads((tmp_path / "seams.json").read_text()) == report


def test_what_is_judged_is_what_is_shipped() -> None:
    shipped = InterpolationSettings()
    assert (shipped.seam, shipped.blend_s) == (SEAM, BLEND_S) == ("correction", 0.85)


def test_no_motion_as_smooth_follows_as_closely_as_blending_so_the_causal_tracker_is_the_measure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, report, _ = _run(capsys, "--delays", "0", "8", "--no-model", "--out", str(tmp_path))
    for delay in ("0", "8"):
        closest, causal = report["closest_rad"][delay], report["causal_rad"][delay]
        assert closest < causal
        assert causal > report["baselines"]["lerobot"][delay]["following_rad"]
        assert all(figures[delay]["following_rad"] <= 1.25 * causal for figures in report["modes"].values())


def test_a_blend_that_is_too_short_misses_the_goal_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, report, output = _run(capsys, "--delays", "2", "--blend", "0.2", "--no-model", "--out", str(tmp_path))
    assert (status, report["ok"]) == (1, False)
    assert "missed: receding at 2 ticks: seam jerk ratio" in output


def test_delays_beyond_eight_ticks_are_shown_but_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, report, _ = _run(capsys, "--delays", "14", "--blend", "0.2", "--no-model", "--out", str(tmp_path))
    assert (status, report["failures"]) == (0, [])


def test_guidance_makes_a_networks_chunks_continue_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, report, output = _run(capsys, "--delays", "2", "--checkpoint", str(TINY), "--out", str(tmp_path))
    for figures in report["model"].values():
        assert figures["rtc"]["prefix_rad"] < 0.05 * figures["receding"]["prefix_rad"]
    assert "network" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--chunks", "3"], "error: expected at least 6 chunks, got 3\n"),
        (["--seed", "-1"], "error: expected at least 2 chunks and a seed of 0 or more"),
        (["--delays", "22"], "error: expected delays from 0 to 21 ticks, got 22\n"),
        (["--blend", "0"], "error: blend_s: expected a positive number, got 0.0\n"),
    ],
)
def test_bad_input_ends_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["seams", "--no-model", "--out", str(tmp_path), *arguments]) == 2
    assert capsys.readouterr().err.startswith(message)


def test_without_a_checkpoint_the_one_that_comes_along_is_the_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, report, _ = _run(capsys, "--delays", "0", "--out", str(tmp_path))
    assert set(report["model"]) == {"1", "2", "4"}
