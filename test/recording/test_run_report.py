# SPDX-License-Identifier: Apache-2.0
"""The images of a report show what was recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from molmoact2_ros.recording.run_metrics import RunMetrics
from molmoact2_ros.recording.run_report import (
    CAPTION_PX,
    SHEET_COLUMNS,
    CameraFrame,
    write_contact_sheet,
    write_frames,
    write_joint_plot,
)


def _frames(count: int) -> list[CameraFrame]:
    shades = ((role, index) for index in range(count) for role in ("external", "wrist"))
    return [CameraFrame(role, float(index), np.full((18, 32, 3), 10 * index, np.uint8)) for role, index in shades]


def test_contact_sheet_has_a_row_per_camera_from_the_first_frame_to_the_last(tmp_path: Path) -> None:
    write_contact_sheet(tmp_path / "sheet.png", _frames(12))
    sheet = np.array(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (2 * (18 + CAPTION_PX), SHEET_COLUMNS * 32, 3)
    middle = CAPTION_PX + 9
    assert (sheet[middle, 16, 0], sheet[middle, -16, 0]) == (0, 110)


def test_contact_sheet_of_a_short_run_shows_each_frame_once(tmp_path: Path) -> None:
    write_contact_sheet(tmp_path / "sheet.png", _frames(2))
    assert Image.open(tmp_path / "sheet.png").width == 2 * 32


def test_frames_are_named_by_camera_and_time(tmp_path: Path) -> None:
    write_frames(tmp_path / "frames", _frames(1))
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == [
        "external_000.00s.png",
        "wrist_000.00s.png",
    ]


def test_joint_plot_is_drawn_even_when_nothing_was_commanded(tmp_path: Path) -> None:
    metrics = RunMetrics(("a",))
    metrics.measured.add(10**9, np.array([0.1]))
    write_joint_plot(tmp_path / "joints.png", ["a"], metrics)
    assert Image.open(tmp_path / "joints.png").width > 500
