# SPDX-License-Identifier: Apache-2.0
"""What counts as a change under noise, in the dark and when the exposure drifts. No ROS."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.perception import CellImage, ChangeSettings, PerceptionError
from molmoact2_ros.perception.cell_comparison import LEAST_LEVELS, NoiseFloor, changed_cells

GRID, SIDE = 4, 128
COSINE, NOISE = ChangeSettings("cosine"), ChangeSettings("noise")
RANDOM = np.random.default_rng(0)
# A slope from dark to bright, so that cells differ in brightness.
SCENE = np.broadcast_to(np.linspace(20, 220, SIDE)[None, :, None], (SIDE, SIDE, 3))


def _image(scene: np.ndarray, deviation: float = 2.0) -> CellImage:
    noisy = scene + deviation * RANDOM.standard_normal(scene.shape)
    return CellImage.of(np.clip(np.rint(noisy), 0, 255).astype(np.uint8), GRID)


def _floor(scene: np.ndarray, deviation: float = 2.0) -> float:
    floor = NoiseFloor()
    for _ in range(20):
        floor.see(_image(scene, deviation))
    return floor.levels


def _changed(first: np.ndarray, second: np.ndarray, settings: ChangeSettings, floor: float) -> np.ndarray:
    return changed_cells(_image(first), _image(second), settings, floor)


def test_cosine_calls_every_dark_cell_changed_at_a_noise_of_two_levels_and_the_noise_statistic_none():
    dark = np.full((SIDE, SIDE, 3), 20.0)
    assert _changed(dark, dark, COSINE, 1.0).all()
    assert not _changed(dark, dark, NOISE, _floor(dark)).any()


def test_a_small_object_on_a_bright_cell_is_hidden_from_the_cosine_and_seen_by_the_noise_statistic():
    bright = np.full((SIDE, SIDE, 3), 190.0)
    with_object = bright.copy()
    with_object[40:50, 40:50] -= 40
    assert not _changed(bright, with_object, COSINE, 1.0).any()
    assert np.flatnonzero(_changed(bright, with_object, NOISE, _floor(bright))).tolist() == [5]


def test_a_change_of_exposure_is_no_change_and_an_object_during_it_is_one():
    dimmed = 0.8 * SCENE
    floor = _floor(SCENE)
    assert not _changed(SCENE, dimmed, NOISE, floor).any()
    dimmed = dimmed.copy()
    dimmed[70:90, 70:90] += 60
    assert np.flatnonzero(_changed(SCENE, dimmed, NOISE, floor)).tolist() == [10]


def test_cells_of_frames_with_different_exposures_are_compared_each_at_its_own():
    chosen = np.arange(GRID * GRID) % 3 == 0
    mixed = _image(SCENE).with_cells_of(_image(0.7 * SCENE), chosen)
    assert not changed_cells(mixed, _image(0.85 * SCENE), NOISE, _floor(SCENE)).any()


@pytest.mark.parametrize("deviation", [1.0, 2.0, 4.0])
def test_noise_floor_is_the_deviation_of_differences_of_block_means(deviation: float):
    grey = np.full((SIDE, SIDE, 3), 120.0)
    assert _floor(grey, deviation) == pytest.approx(deviation * np.sqrt(2) / 4, rel=0.1)


def test_noise_floor_does_not_rise_with_what_moves_or_with_one_bump():
    floor, moving = NoiseFloor(), SCENE.copy()
    for index in range(20):
        moving[:64] = np.roll(SCENE, 9 * index, axis=1)[:64]
        floor.see(_image(np.roll(moving, 25 * (index > 10), axis=1)))
    assert floor.levels == pytest.approx(2.0 * np.sqrt(2) / 4, rel=0.25)


def test_noise_floor_of_a_camera_without_noise_is_the_rounding():
    floor = NoiseFloor()
    for _ in range(3):
        floor.see(_image(SCENE, 0.0))
    assert floor.levels == LEAST_LEVELS


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("sine",), "change_statistic: expected cosine or noise, got 'sine'"),
        (("noise", 0.0, "first"), "change_reference: expected previous or per_cell, got 'first'"),
        (("cosine", 6.0), "change_threshold: expected 0 .* to 1 with cosine, got 6.0"),
        (("noise", float("nan")), "change_threshold: expected 0 .* to inf with noise, got nan"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(arguments: tuple, sentence: str):
    with pytest.raises(PerceptionError, match=sentence):
        ChangeSettings(*arguments)
