# SPDX-License-Identifier: Apache-2.0
"""The image of depth codes. No ROS."""

from __future__ import annotations

import numpy as np

from molmoact2_ros.perception import draw_depth
from molmoact2_ros.perception.depth_overlay import OUTLINE

FRAME = np.random.default_rng(0).integers(0, 200, (90, 161, 3), dtype=np.uint8)
CODES = np.arange(16, dtype=np.uint16).reshape(4, 4)


def test_image_has_the_size_of_the_frame_and_leaves_the_frame_alone():
    before = FRAME.copy()
    drawn = draw_depth(FRAME, CODES, np.ones((4, 4), np.bool_), 16)
    assert (drawn.shape, drawn.dtype) == (FRAME.shape, np.uint8)
    np.testing.assert_array_equal(FRAME, before)


def test_only_cells_that_were_decoded_are_outlined():
    decoded = np.zeros((4, 4), np.bool_)
    decoded[1, 2] = True
    white = (draw_depth(FRAME, CODES, decoded, 16) == OUTLINE).all(axis=-1)
    rows, columns = np.nonzero(white)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (22, 44, 80, 120)
    assert white.sum() == 2 * 41 + 2 * 21


def test_equal_codes_have_one_colour_and_different_codes_have_others():
    black, none = np.zeros((40, 40, 3), np.uint8), np.zeros((4, 4), np.bool_)
    drawn = draw_depth(black, CODES, none, 16)
    cells = {tuple(drawn[10 * row + 5, 10 * column + 5]) for row in range(4) for column in range(4)}
    assert len(cells) == 16
    assert len(np.unique(draw_depth(black, np.full((4, 4), 7, np.uint16), none, 16).reshape(-1, 3), axis=0)) == 1


def test_a_code_beyond_the_number_of_codes_takes_the_last_colour():
    black, none = np.zeros((8, 8, 3), np.uint8), np.zeros((1, 1), np.bool_)
    last, beyond = (draw_depth(black, np.full((1, 1), code, np.uint16), none, 128) for code in (127, 500))
    np.testing.assert_array_equal(last, beyond)
