# SPDX-License-Identifier: Apache-2.0
"""Pins the flow: the training loss and its gradients against the reference's stored step, and the drawing of times."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from molmoact2_ros.model import flow
from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.molmoact2 import MolmoAct2

DATA = Path(__file__).parents[1] / "data" / "parity"
IMAGES, PATCHES, WINDOWS = 4, 25, 9


@pytest.fixture(scope="module")
def step() -> dict[str, Tensor]:
    with np.load(DATA / "goldens" / "train_flow.npz") as golden:
        return {key: torch.from_numpy(golden[key]) for key in golden.files}


def _loss(model: MolmoAct2, step: dict[str, Tensor]) -> Tensor:
    local = step["image_token_pooling"]
    offsets = torch.arange(IMAGES).repeat_interleave(WINDOWS)[:, None] * PATCHES
    visual = model.encode_images(step["pixel_values"], torch.where(local < 0, -1, local + offsets))
    valid = step["attention_mask"].bool()
    cache = model.prefill(step["input_ids"], visual, valid, bidirectional_images=False).cache
    layers = [cache.flat(layer) for layer in range(cache.num_layers)]
    context = model.action_expert.project_context(layers, valid)
    real = ~step["action_dim_is_pad"]
    draws = {"times": step["timesteps"], "noise": step["noise"]}
    return flow.flow_matching_loss(model.action_expert, context, step["action"], real, **draws)


@pytest.mark.parity
def test_loss_and_gradients_are_those_of_the_reference(step: dict[str, Tensor]) -> None:
    model = load_model(DATA / "tiny_base")
    loss = _loss(model, step)
    loss.backward()
    assert loss.item() == pytest.approx(step["flow_loss"].item(), abs=1e-5)
    prefix = "g|model.model."
    wanted = {key.removeprefix(prefix): norm.item() for key, norm in step.items() if key.startswith(prefix)}
    found = {name: p.grad.norm().item() for name, p in model.named_parameters() if p.grad is not None}
    assert len(wanted) > 150
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, rel=1e-3, abs=1e-5)


def test_padded_action_numbers_do_not_count_in_the_loss(tiny_model: MolmoAct2, step: dict[str, Tensor]) -> None:
    changed = dict(step)
    changed["action"] = step["action"] + 5.0 * step["action_dim_is_pad"][:, None, :]
    with torch.inference_mode():
        assert torch.equal(_loss(tiny_model, step), _loss(tiny_model, changed))


def test_drawn_times_follow_the_configured_distribution(tiny_model: MolmoAct2) -> None:
    config = tiny_model.config.flow
    times = flow.draw_times(config, (20_000,), torch.Generator().manual_seed(0))
    expected = config.time_offset + config.time_scale * config.beta_alpha / (config.beta_alpha + config.beta_beta)
    assert times.mean().item() == pytest.approx(expected, abs=0.005)
    assert config.time_offset <= times.min()
    assert times.max() <= 1.0


def test_drawn_times_repeat_with_the_seed(tiny_model: MolmoAct2) -> None:
    draws = [flow.draw_times(tiny_model.config.flow, (2, 4), torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(*draws)


def test_velocity_can_be_differentiated_through_the_prefill(tiny_model: MolmoAct2) -> None:
    prefill = tiny_model.prefill(torch.tensor([[100, 101, 102]]), torch.zeros(1, 64))
    velocity = tiny_model.predict_velocity(
        torch.ones(1, 4, 32), torch.tensor([0.5]), tiny_model.project_context(prefill)
    )
    (gradient,) = torch.autograd.grad(velocity.sum(), tiny_model.transformer.wte.embedding)
    assert gradient[100:103].abs().sum() > 0
