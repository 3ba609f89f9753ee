# SPDX-License-Identifier: Apache-2.0
"""The comparison of cells, held against the reference's stored mask and against its formula written out. No ROS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from molmoact2_ros.perception import CellImage, ChangeSettings
from molmoact2_ros.perception.cell_comparison import changed_cells, likeness
from molmoact2_ros.processing.depth_cells import cell_values
from molmoact2_ros.processing.errors import ProcessingError

GOLDEN = Path(__file__).parents[1] / "data" / "parity" / "goldens" / "depth.npz"
COSINE = ChangeSettings("cosine")


def _mask(first: np.ndarray, second: np.ndarray, grid: int) -> np.ndarray:
    return changed_cells(CellImage.of(first, grid), CellImage.of(second, grid), COSINE, 1.0)


def _formula(first: np.ndarray, second: np.ndarray, grid: int) -> np.ndarray:
    """The reference, cell by cell, in double precision."""
    size = (32 * grid, 32 * grid)
    images = [np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)) for image in (first, second)]
    found = []
    for row in range(grid):
        for column in range(grid):
            at = (slice(32 * row, 32 * row + 32), slice(32 * column, 32 * column + 32))
            a, b = (scaled[at].astype(np.float64).ravel() for scaled in images)
            lengths = np.linalg.norm(a) * np.linalg.norm(b)
            found.append(1.0 if lengths < 1e-8 else a @ b / (lengths + 1e-12))
    return np.array(found)


@pytest.mark.parity
def test_mask_of_two_frames_is_the_references():
    golden = np.load(GOLDEN)
    expected = golden["b_mask"]
    assert 0 < expected.sum() < expected.size == 16
    np.testing.assert_array_equal(_mask(golden["raw_image_0"], golden["b_raw_image_0"], 4), expected)
    assert not _mask(golden["raw_image_0"], golden["raw_image_0"], 4).any()


@pytest.mark.parametrize("size", [(48, 64), (180, 320), (480, 640), (321, 77)])
@pytest.mark.parametrize("grid", [4, 10])
def test_cosines_are_those_of_the_formula(size: tuple[int, int], grid: int):
    random = np.random.default_rng(size[0] + grid)
    smooth = random.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    first = np.asarray(Image.fromarray(smooth).resize(size[::-1], Image.Resampling.BICUBIC))
    blotches = np.asarray(Image.fromarray(random.integers(0, 256, (9, 13, 3), dtype=np.uint8)).resize(size[::-1]))
    share = np.linspace(0, 0.5, size[1])[None, :, None]
    second = np.rint((1 - share) * first + share * blotches).astype(np.uint8)
    expected = _formula(first, second, grid)
    found = likeness(CellImage.of(first, grid), CellImage.of(second, grid))
    np.testing.assert_allclose(found, expected, atol=2e-6)
    doubtful = np.abs(expected - 0.996) < 2e-6
    np.testing.assert_array_equal(_mask(first, second, grid)[~doubtful], (expected < 0.996)[~doubtful])
    assert (expected < 0.996).any()
    assert (expected > 0.996).any()


def test_black_cells_are_alike_and_one_that_lights_up_is_not_compared_by_angle():
    black = np.zeros((128, 128, 3), np.uint8)
    assert not _mask(black, black, 4).any()
    lit = black.copy()
    lit[:32, :32] = 200
    # The length of a black cell is zero, and with it the product: the reference calls that alike.
    assert not _mask(black, lit, 4).any()


def test_cells_come_in_reading_order_with_rows_columns_and_channels_inside():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    values = cell_values(image, 2)
    np.testing.assert_array_equal(values[1], image[:32, 32:].ravel())
    np.testing.assert_array_equal(values[2].reshape(32, 32, 3), image[32:, :32])


def test_a_grey_image_is_refused_in_a_sentence():
    with pytest.raises(ProcessingError, match="must be a uint8 array of shape"):
        cell_values(np.zeros((48, 64), np.uint8), 4)
