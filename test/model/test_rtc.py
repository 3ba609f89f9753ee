# SPDX-License-Identifier: Apache-2.0
"""Pins the guidance of real-time chunking: its weights, its closed form, and that it is no guidance without a chunk.

Reference: Black, Galliker and Levine, arXiv 2506.07339, equations 2 to 5, with the identity for the vector-Jacobian
product, written out below element by element.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from molmoact2_ros.model import flow
from molmoact2_ros.model.molmoact2 import MolmoAct2
from molmoact2_ros.model.rtc import RtcGuidance, guidance_weight, prefix_weights

STEPS, ROWS, WIDTH, REAL = 10, 15, 32, 8


def _context(model: MolmoAct2):
    prefill = model.prefill(torch.tensor([[100, 101, 102]]), torch.zeros(1, 64))
    return model.project_context(prefill)


def _draw(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def test_a_guided_flow_equals_the_written_out_reference_loop(tiny_model: MolmoAct2) -> None:
    noise, target, context = _draw(0, 1, ROWS, WIDTH), _draw(1, 1, ROWS, WIDTH), _context(tiny_model)
    target[..., REAL:] = 0.0
    weights = prefix_weights(ROWS, 4, 11, "exponential")
    found = tiny_model.integrate_flow(noise, context, REAL, STEPS, guidance=RtcGuidance(target, weights))
    x = noise.clone()
    x[..., REAL:] = 0.0
    for step in range(STEPS):
        t = step / STEPS
        v = tiny_model.predict_velocity(x, torch.tensor([t]), context)
        c = math.inf if t == 0 else (1 - t) / t * (t**2 + (1 - t) ** 2) / (1 - t) ** 2
        for row in range(ROWS):
            for number in range(REAL):
                heading = x[0, row, number] + (1 - t) * v[0, row, number]
                pull = min(10.0, c) * weights[row] * (target[0, row, number] - heading)
                v[0, row, number] += pull
        x = x + v / STEPS
        x[..., REAL:] = 0.0
    torch.testing.assert_close(found, x[..., :REAL], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_weights_of_zero_give_the_plain_flow_bit_by_bit(tiny_model: MolmoAct2, dtype: torch.dtype) -> None:
    def field(x: Tensor, step: int) -> Tensor:
        return torch.sin(3 * x) + step

    noise, keep = _draw(0, 1, ROWS, WIDTH).to(dtype), torch.ones(WIDTH, dtype=dtype)
    idle = RtcGuidance(_draw(1, 1, ROWS, WIDTH).to(dtype), torch.zeros(ROWS))
    assert torch.equal(flow.follow(field, noise, STEPS, keep, idle), flow.follow(field, noise, STEPS, keep))
    context = _context(tiny_model)
    idle = RtcGuidance(_draw(1, 1, ROWS, WIDTH), torch.zeros(ROWS))
    plain, guided = (
        tiny_model.integrate_flow(noise.float(), context, REAL, guidance=guidance) for guidance in (None, idle)
    )
    assert torch.equal(plain, guided)


@torch.inference_mode()
def test_a_guided_chunk_keeps_to_the_prefix_and_is_free_behind_it(tiny_model: MolmoAct2) -> None:
    context = _context(tiny_model)
    before = tiny_model.integrate_flow(_draw(0, 1, ROWS, WIDTH), context, REAL, STEPS)
    target = torch.nn.functional.pad(before, (0, WIDTH - REAL))
    guidance = RtcGuidance(target, prefix_weights(ROWS, 5, 8, "smooth"))
    noise = _draw(7, 1, ROWS, WIDTH)
    plain, guided = (tiny_model.integrate_flow(noise, context, REAL, STEPS, guidance=g) for g in (None, guidance))
    off_plain, off_guided = ((chunk - before).abs().amax(dim=(0, 2)) for chunk in (plain, guided))
    assert off_guided[:5].max() < 0.02 * off_plain[:5].max()
    assert off_guided[10:].max() > 0.3 * off_plain[10:].max()


@torch.inference_mode()
def test_padded_action_numbers_stay_zero_under_guidance(tiny_model: MolmoAct2) -> None:
    guidance = RtcGuidance(torch.ones(1, ROWS, WIDTH), torch.ones(ROWS))
    keep = tiny_model.keep_real(REAL)
    x = flow.integrate_flow(tiny_model.action_expert, _draw(0, 1, ROWS, WIDTH), _context(tiny_model), STEPS, keep,
                            guidance=guidance)  # fmt: skip
    assert not x[..., REAL:].any()


@pytest.mark.parametrize(
    ("time", "expected"), [(0.0, 10.0), (0.05, 10.0), (0.5, 2.0), (0.9, 0.82 / 0.09), (0.95, 10.0)]
)
def test_the_guidance_weight_is_clipped_where_the_formula_has_poles(time: float, expected: float) -> None:
    assert guidance_weight(time) == pytest.approx(expected)


def test_the_largest_weight_can_be_chosen() -> None:
    assert guidance_weight(0.0, 3.0) == guidance_weight(0.9, 3.0) == 3.0


@pytest.mark.parametrize("decay", ["linear", "exponential", "smooth"])
@pytest.mark.parametrize(("delay", "end"), [(0, 22), (4, 22), (8, 22), (22, 22), (3, 0)])
def test_weights_are_one_before_the_delay_then_fall_and_end_at_zero(decay: str, delay: int, end: int) -> None:
    weights = prefix_weights(30, delay, end, decay).numpy()
    assert (weights[: min(delay, end)] == 1.0).all()
    assert (np.diff(weights) <= 0).all()
    assert not weights[end:].any()
    assert ((weights >= 0) & (weights <= 1)).all()


def test_the_exponential_decay_is_that_of_the_paper() -> None:
    delay, end = 4, 22
    weights = prefix_weights(30, delay, end, "exponential")
    for row in range(delay, end):
        c = (end - row) / (end - delay + 1)
        assert weights[row].item() == pytest.approx(c * (math.e**c - 1) / (math.e - 1), rel=1e-5)


def test_an_unknown_decay_is_refused() -> None:
    with pytest.raises(ValueError, match="decay: expected one of linear, exponential, smooth, got 'square'"):
        prefix_weights(30, 4, 22, "square")
