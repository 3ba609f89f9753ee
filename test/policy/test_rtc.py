# SPDX-License-Identifier: Apache-2.0
"""Pins what a chunk has to continue: the right rows of the right chunk, for as long as the measured delay."""

from __future__ import annotations

import pytest
import torch

from molmoact2_ros.policy.rtc import RealTimeChunking

STEP_S = 0.1
STEP_NS = 100_000_000
T0_NS = 1_700_000_000_000_000_000
ROWS, REAL, WIDTH = 10, 3, 8


class Clock:
    now_ns = T0_NS

    def __call__(self) -> int:
        return self.now_ns


def _chunk() -> torch.Tensor:
    return torch.arange(ROWS, dtype=torch.float32)[None, :, None] * torch.ones(REAL)


def _kept(latency_steps: float = 2.0, calls: int = 2) -> RealTimeChunking:
    """Return the state of real-time chunking that has kept the chunk of T0."""
    clock = Clock()
    rtc = RealTimeChunking(STEP_S, clock=clock)
    clock.now_ns = T0_NS + int(latency_steps * STEP_NS)
    for _ in range(calls):
        rtc.keep(_chunk(), T0_NS, "wave")
    return rtc


def test_the_first_chunk_has_nothing_to_continue() -> None:
    assert RealTimeChunking(STEP_S).guidance(T0_NS, "wave", WIDTH) is None


@pytest.mark.parametrize("shift", [1, 4, 9])
def test_the_target_is_the_chunk_before_moved_by_the_rows_that_passed(shift: int) -> None:
    guidance = _kept().guidance(T0_NS + shift * STEP_NS, "wave", WIDTH)
    assert guidance is not None
    expected = (torch.arange(ROWS) + shift).clamp(max=ROWS - 1).float()
    torch.testing.assert_close(guidance.target[0, :, 0], expected)
    assert guidance.target.shape == (1, ROWS, WIDTH)
    assert not guidance.target[..., REAL:].any()
    assert not guidance.weights[ROWS - shift :].any()


def test_between_two_rows_the_target_lies_between_them() -> None:
    guidance = _kept().guidance(T0_NS + int(2.25 * STEP_NS), "wave", WIDTH)
    assert guidance is not None
    torch.testing.assert_close(guidance.target[0, :4, 0], torch.tensor([2.25, 3.25, 4.25, 5.25]))
    assert guidance.weights[6] > 0
    assert not guidance.weights[7:].any()  # row 7 would need a row behind the last


@pytest.mark.parametrize(("latency_steps", "calls", "full"), [(2.0, 2, 2), (3.2, 2, 4), (3.2, 1, 1), (50.0, 2, 7)])
def test_as_many_rows_are_held_as_passed_during_the_slowest_call(latency_steps: float, calls: int, full: int) -> None:
    guidance = _kept(latency_steps, calls).guidance(T0_NS + 3 * STEP_NS, "wave", WIDTH)
    assert guidance is not None
    assert int((guidance.weights == 1.0).sum()) == full


@pytest.mark.parametrize("shift", [0, -3, 10])
def test_a_chunk_that_is_not_older_or_wholly_past_is_not_continued(shift: int) -> None:
    assert _kept().guidance(T0_NS + shift * STEP_NS, "wave", WIDTH) is None


def test_a_chunk_of_another_instruction_is_not_continued() -> None:
    assert _kept().guidance(T0_NS + STEP_NS, "stop waving", WIDTH) is None


def test_an_unknown_decay_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="decay: expected one of"):
        RealTimeChunking(STEP_S, decay="square")
