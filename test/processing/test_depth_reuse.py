# SPDX-License-Identifier: Apache-2.0
"""Which codes may be used again. No ROS."""

from __future__ import annotations

import numpy as np

from molmoact2_ros.processing.depth_reuse import reusable_cells


def _reusable(unchanged_since: list[list[int]], decoded_at: list[int]) -> list[bool]:
    rows = np.array(unchanged_since, np.uint64).reshape(-1, len(decoded_at))
    return reusable_cells(rows, np.array(decoded_at, np.uint64)).tolist()


def test_a_code_stands_if_any_row_names_the_observation_it_was_decoded_from():
    assert _reusable([[3, 3, 0, 5], [7, 0, 7, 0]], [3, 7, 7, 4]) == [True, False, True, False]


def test_a_changed_cell_does_not_match_a_cell_without_code():
    assert _reusable([[0, 0]], [0, 3]) == [False, False]


def test_without_references_every_cell_is_decoded():
    assert _reusable([], [1, 2]) == [False, False]
