# SPDX-License-Identifier: Apache-2.0
"""The figures and the image of a run's depth reasoning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from molmoact2_ros.recording.depth_record import IMAGES, DepthRecord, MapEntry
from molmoact2_ros.recording.depth_report import write_depth_report


def _entry(time_s: float, decoded: int, *, moving: bool) -> MapEntry:
    cells = (np.arange(100) < decoded).reshape(10, 10)
    return MapEntry(time_s, cells, decoded + 1, 2.0 * decoded, moving=moving)


def _record() -> DepthRecord:
    record = DepthRecord(10.0)
    for index, decoded in enumerate((100, 0, 4, 2)):
        record.add(_entry(50.0 + index, decoded, moving=False))
    for index, decoded in enumerate((20, 40)):
        record.add(_entry(54.0 + index, decoded, moving=True))
    return record


def test_share_reused_leaves_out_the_first_map_and_separates_rest_from_motion() -> None:
    figures = _record().figures()
    assert figures["reused_at_rest"] == pytest.approx(0.98)
    assert figures["reused_in_motion"] == pytest.approx(0.7)
    assert (figures["maps"], figures["maps_decoded_in_full"]) == (6, 1)


def test_costs_are_means_of_rest_and_motion_next_to_the_first_map() -> None:
    figures = _record().figures()
    assert (figures["forwards_first"], figures["forwards_at_rest"], figures["forwards_in_motion"]) == (101, 3, 31)
    assert (figures["decoding_first_ms"], figures["decoding_in_motion_ms"]) == (200, 60)


def test_a_run_without_motion_has_no_figure_for_it() -> None:
    record = DepthRecord(10.0)
    record.add(_entry(0.0, 100, moving=False))
    figures = record.figures()
    assert (figures["maps"], figures["reused_at_rest"], figures["reused_in_motion"]) == (1, None, None)


def test_images_are_kept_evenly_and_copied() -> None:
    record = DepthRecord(10.0)
    image = np.zeros((4, 6, 3), np.uint8)
    for index in range(100):
        record.images.add(50.0 + 0.1 * index, image)
    image[:] = 9
    times = [time_s for time_s, _ in record.images.kept]
    assert times == pytest.approx(np.arange(50.0, 60.0), abs=1e-6)
    assert len(times) <= IMAGES
    assert not any(kept.any() for _, kept in record.images.kept)


def test_depth_report_shows_the_images_that_were_kept(tmp_path: Path) -> None:
    record = _record()
    write_depth_report(tmp_path / "without.png", record)
    red = np.zeros((18, 32, 3), np.uint8)
    red[..., 0] = 255
    record.images.add(50.0, red)
    write_depth_report(tmp_path / "with.png", record)
    without, shown = (np.array(Image.open(tmp_path / name).convert("RGB")) for name in ("without.png", "with.png"))
    assert without.shape == shown.shape
    assert ((shown == (255, 0, 0)).all(axis=-1)).sum() > 10_000
    assert not (without == (255, 0, 0)).all(axis=-1).any()


def test_depth_report_shows_the_decoded_depth_where_there_is_any(tmp_path: Path) -> None:
    record = _record()
    write_depth_report(tmp_path / "without.png", record)
    for index in range(4):
        record.decoded.add(50.0 + 2 * index, np.repeat(np.float32([[0.5, 2.0]]), 8, axis=0))
    write_depth_report(tmp_path / "with.png", record)
    without, shown = (Image.open(tmp_path / name) for name in ("without.png", "with.png"))
    assert shown.height > without.height
    colours = np.array(shown.convert("RGB"), np.int64)
    yellow, violet = (253, 231, 37), (68, 1, 84)  # the ends of the scale: nearest and farthest
    for end in (yellow, violet):
        assert (np.abs(colours - end).max(axis=-1) <= 2).sum() > 10_000
