# SPDX-License-Identifier: Apache-2.0
"""The evaluation of change detection from the command line, and its truth. Needs EGL."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")

from molmoact2_ros.cli.main import main
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.evaluation.depth_reuse.replay import replay
from molmoact2_ros.evaluation.depth_reuse.video import SITUATIONS, Clip, make_clip
from molmoact2_ros.perception import CellImage, ChangeSettings
from molmoact2_ros.sim import SimulationError

pytestmark = pytest.mark.sim


def _clip(name: str, frames: int = 16) -> Clip:
    situation = next(one for one in SITUATIONS if one.name == name)
    try:
        return make_clip(Embodiment.load("droid"), situation, frames, 10)
    except SimulationError as error:
        pytest.skip(str(error))


def test_noise_per_cell_reuses_a_still_scene_and_misses_less_than_the_reference(tmp_path: Path, capsys) -> None:
    _clip("still", 2)
    status = main(["think-eval", "--robots", "droid", "--frames", "16", "--out", str(tmp_path)])
    output = capsys.readouterr().out
    report = json.loads(output.splitlines()[-1])
    assert status == 0
    ours, reference = (report["overall"][name] for name in ("noise, per cell", "reference"))
    assert ours["missed"] < 0.3 * reference["missed"]
    assert ours["reused"] > reference["reused"]
    assert report["videos"]["noise, per cell"]["droid"]["still"]["reused"] > 0.99
    assert report["noise"]["reference"]["dark"]["2.0"] < 0.2 < 0.99 < report["noise"]["noise, per cell"]["dark"]["2.0"]
    assert json.loads((tmp_path / "think_eval.json").read_text()) == report
    assert (tmp_path / "think.png").stat().st_size > 20_000
    assert "missed changes" in output


@pytest.mark.parametrize(("option", "value"), [("--frames", "3"), ("--grid", "0"), ("--noise", "-1"), ("--jpeg", "96")])
def test_sizes_that_make_no_sense_are_refused_in_a_sentence(option: str, value: str, capsys) -> None:
    assert main(["think-eval", option, value]) == 2
    assert f"error: {option}: expected " in capsys.readouterr().err


def test_still_video_has_no_change_of_depth_and_a_moving_arm_has() -> None:
    assert np.ptp(_clip("still").levels, axis=0).max() == 0
    assert (np.ptp(_clip("moving").levels, axis=0) > 1).sum() >= 5


def test_a_bump_changes_the_image_once_and_the_lamps_change_it_without_depth() -> None:
    bumped = _clip("bump")
    steps = np.abs(np.diff(bumped.levels, axis=0)).max(axis=1)
    assert np.flatnonzero(steps).tolist() == [7]
    lamps, moving = _clip("lamps"), _clip("moving")
    np.testing.assert_array_equal(lamps.levels, moving.levels)
    assert lamps.images[-1].mean() < 0.9 * moving.images[-1].mean()


def test_replay_counts_a_code_that_is_kept_while_its_depth_moves_as_missed_and_as_nothing_when_decoded() -> None:
    grey = [CellImage.of(np.full((64, 64, 3), 100, np.uint8), 2)] * 4
    levels = np.zeros((4, 4))
    levels[2:, 1] = 5.0
    hidden = replay(grey, levels, ChangeSettings())
    assert (hidden.reused, hidden.missed, hidden.needless, hidden.worst_levels) == (1.0, 2 / 12, 0.0, 5.0)
    image = np.full((64, 64, 3), 100, np.uint8)
    image[:32, 32:] = 200
    shown = [*grey[:2], *[CellImage.of(image, 2)] * 2]
    seen = replay(shown, levels, ChangeSettings())
    assert (seen.missed, seen.reused) == (0.0, 11 / 12)
