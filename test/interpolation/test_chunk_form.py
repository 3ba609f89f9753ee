# SPDX-License-Identifier: Apache-2.0
"""A chunk is held against the robot's policy contract, sizes first; a defect has a cause and a bounded sentence."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from molmoact2_ros.embodiment import Embodiment, EmbodimentError
from molmoact2_ros.embodiment.policy_contract import PolicyContract
from molmoact2_ros.interfaces.action_chunk import ActionChunk, RejectionCause
from molmoact2_ros.interpolation.chunk_form import ChunkForm
from molmoact2_ros.schema import Section

DROID = Embodiment.load("droid")
NAMES = DROID.joint_names
STEP_S = DROID.policy.step_s


def _chunk(rows: int = 15, **changes: Any) -> ActionChunk:
    return replace(ActionChunk(1, 7, STEP_S, NAMES, np.zeros((rows, len(NAMES)))), **changes)


def _with(value: float) -> np.ndarray:
    rows = np.zeros((15, len(NAMES)))
    rows[3, 1] = value
    return rows


@pytest.mark.parametrize(
    "chunk",
    [
        _chunk(),
        _chunk(3),  # a checkpoint may execute fewer rows than it predicts
        _chunk(names=NAMES[::-1]),
        _chunk(step_s=STEP_S * 1.2),
        _chunk(positions=np.zeros((15, len(NAMES)), np.float32)),
    ],
)
def test_a_chunk_within_the_contract_has_no_defect(chunk: ActionChunk) -> None:
    assert ChunkForm(DROID).defect(chunk) is None


@pytest.mark.parametrize(
    ("chunk", "cause", "words"),
    [
        (_chunk(10_000), RejectionCause.WRONG_SHAPE, "3 to 15 rows x 8 joints, got 10000 rows"),
        (_chunk(16), RejectionCause.WRONG_SHAPE, "got 16 rows"),
        (_chunk(2), RejectionCause.WRONG_SHAPE, "got 2 rows"),
        (_chunk(0), RejectionCause.WRONG_SHAPE, "got 0 rows"),
        (_chunk(positions=np.zeros((15, 7))), RejectionCause.WRONG_SHAPE, "got 15 x 7 numbers"),
        (_chunk(positions=np.zeros(10**6)), RejectionCause.WRONG_SHAPE, "got 1000000 numbers"),
        (_chunk(step_s=1e-6), RejectionCause.WRONG_SHAPE, "rows about 0.06667 s apart .* got 1e-06 s"),
        (_chunk(step_s=1e6), RejectionCause.WRONG_SHAPE, "got 1e\\+06 s"),
        (_chunk(step_s=STEP_S / 2), RejectionCause.WRONG_SHAPE, "got 0.03333 s"),
        (_chunk(step_s=0.0), RejectionCause.WRONG_SHAPE, "got 0 s"),
        (_chunk(step_s=-STEP_S), RejectionCause.WRONG_SHAPE, "got -0.0"),
        (_chunk(step_s=float("nan")), RejectionCause.WRONG_SHAPE, "got nan s"),
        (_chunk(step_s=float("inf")), RejectionCause.WRONG_SHAPE, "got inf s"),
        (_chunk(names=(*NAMES[:-1], "claw")), RejectionCause.WRONG_JOINTS, "claw"),
        (_chunk(names=(*NAMES[:-1], NAMES[0])), RejectionCause.WRONG_JOINTS, "expected"),
        (_chunk(names=()), RejectionCause.WRONG_JOINTS, "has the joints none"),
        (_chunk(names=("joint",) * 10**5), RejectionCause.WRONG_JOINTS, "and 99976 more"),
        (_chunk(names=("joint" * 10**6,) * 8), RejectionCause.WRONG_JOINTS, "5000000 characters"),
        (_chunk(positions=_with(np.nan)), RejectionCause.NOT_FINITE, f"nan for {NAMES[1]} in row 3"),
        (_chunk(positions=_with(-np.inf)), RejectionCause.NOT_FINITE, "-inf"),
    ],
)
def test_a_chunk_outside_the_contract_is_named_by_its_defect(chunk: ActionChunk, cause: Any, words: str) -> None:
    defect = ChunkForm(DROID).defect(chunk)
    assert defect is not None
    assert defect[0] is cause
    assert re.search(words, defect[1])
    assert len(defect[1]) < 2000


def test_a_robot_with_a_horizon_of_two_rows_takes_two() -> None:
    form = ChunkForm(replace(DROID, policy=replace(DROID.policy, horizon=2)))
    assert form.defect(_chunk(2)) is None
    assert form.defect(_chunk(3)) is not None


@pytest.mark.parametrize("horizon", [1, 129, 10**9])
def test_an_embodiment_file_with_a_horizon_beyond_what_can_be_computed_is_refused(horizon: int) -> None:
    content = {"checkpoint": "a/b", "norm_tag": "t", "setup": "s", "control": "c", "num_cameras": 2, "rate_hz": 15}
    with pytest.raises(EmbodimentError, match=f"horizon of 2 to 128, got .* {horizon}"):
        PolicyContract.read(Section(content | {"horizon": horizon}, "policy"))
