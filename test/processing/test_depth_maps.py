# SPDX-License-Identifier: Apache-2.0
"""Depth images as files: units, what counts as missing, how it is filled, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from molmoact2_ros.processing.depth_maps import fill_missing, read_depth_map, read_picture
from molmoact2_ros.processing.errors import ProcessingError

NAN = np.nan


def test_png_of_16_bits_is_in_millimetres_and_0_is_missing(tmp_path):
    Image.fromarray(np.array([[0, 1500], [65535, 1]], np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_depth_map(tmp_path / "a.png"), [[NAN, 1.5], [65.535, 0.001]], rtol=1e-6)


def test_unit_of_a_png_can_be_another(tmp_path):
    Image.fromarray(np.array([[5000]], np.uint16)).save(tmp_path / "a.png")
    assert read_depth_map(tmp_path / "a.png", 1 / 5000)[0, 0] == pytest.approx(1.0)


def test_npy_is_in_metres_and_what_is_not_positive_is_missing(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1.25, 0.0, -1.0, np.inf, NAN]]))
    depth_m = read_depth_map(tmp_path / "a.npy")
    assert depth_m.dtype == np.float32
    np.testing.assert_array_equal(depth_m, [[1.25, NAN, NAN, NAN, NAN]])


def test_missing_pixels_take_the_nearest_of_their_row_or_else_row():
    depth_m = np.array([[NAN, 1, NAN, NAN, 4], [NAN, NAN, NAN, NAN, NAN], [7, 7, 7, 7, 7]], np.float32)
    with pytest.raises(ProcessingError, match="53 %"):
        fill_missing(depth_m, "a.png")
    depth_m = np.concatenate((depth_m, depth_m[2:]))
    assert fill_missing(depth_m, "a.png").tolist() == [[1, 1, 1, 4, 4], [1, 1, 1, 4, 4], [7] * 5, [7] * 5]


def test_map_without_holes_stays_as_it_is():
    depth_m = np.random.default_rng(0).random((5, 6)).astype(np.float32)
    assert fill_missing(depth_m, "a.png") is depth_m


@pytest.mark.parametrize(
    ("array", "message"),
    [(np.zeros((2, 2), np.uint16), r"got uint16 \(2, 2\)"), (np.zeros((2, 2, 3)), r"got float64 \(2, 2, 3\)")],
)
def test_npy_of_something_else_is_refused(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ProcessingError, match=message):
        read_depth_map(tmp_path / "a.npy")


def test_file_that_only_ends_like_one_is_refused(tmp_path):
    for name in ("a.png", "a.npy"):
        (tmp_path / name).write_text("no image")
        with pytest.raises(ProcessingError, match=r"cannot be read|is no NPY"):
            read_depth_map(tmp_path / name)


def test_colour_image_is_no_depth_image_and_the_other_way_round(tmp_path):
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "colour.png")
    Image.fromarray(np.ones((2, 2), np.uint16)).save(tmp_path / "depth.png")
    assert read_picture(tmp_path / "colour.png").shape == (2, 2, 3)
    with pytest.raises(ProcessingError, match="--teacher depth-anything"):
        read_depth_map(tmp_path / "colour.png")
    with pytest.raises(ProcessingError, match="leave --teacher out"):
        read_picture(tmp_path / "depth.png")
