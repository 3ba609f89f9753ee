# SPDX-License-Identifier: Apache-2.0
"""Pins the input of the seam benchmark: figures are compared over time only if it never changes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from molmoact2_ros.evaluation.chunk_seams.chunks import HORIZON, JOINTS, OFFSET_RAD, REPLAN_TICKS, make_chunks

ROUNDED_TO = 9  # decimals; what is behind them may differ between processors
DIGEST = "40d94dbd9d549d44"


def test_the_chunks_of_a_seed_never_change() -> None:
    rounded = np.round(make_chunks(200, 0), ROUNDED_TO) + 0.0
    assert hashlib.sha256(rounded.astype("<f8").tobytes()).hexdigest()[:16] == DIGEST


def test_agreeing_chunks_all_describe_the_same_motion() -> None:
    rows = make_chunks(12, 3, agreeing=True)
    np.testing.assert_allclose(rows[1:, : HORIZON - REPLAN_TICKS], rows[:-1, REPLAN_TICKS:], atol=1e-12)
    assert rows.shape == (12, HORIZON, JOINTS)


def test_every_fifth_chunk_ends_half_a_period_later_and_the_others_keep_their_offset() -> None:
    rows, motion = make_chunks(200, 0), make_chunks(200, 0, agreeing=True)
    other = np.arange(200) % 5 == 4
    offsets = (rows - motion)[~other]
    assert np.ptp(offsets, axis=1).max() < 1e-12
    assert offsets.std() == pytest.approx(OFFSET_RAD, rel=0.05)
    np.testing.assert_allclose((rows + motion)[other][:, -1], (rows - motion)[other][:, 0], atol=1e-12)


def test_other_seeds_give_other_chunks() -> None:
    assert not np.allclose(make_chunks(5, 0), make_chunks(5, 1))


@pytest.mark.parametrize(("count", "seed"), [(1, 0), (5, -1)])
def test_what_cannot_be_drawn_is_refused(count: int, seed: int) -> None:
    with pytest.raises(ValueError, match="expected at least 2 chunks and a seed of 0 or more"):
        make_chunks(count, seed)
