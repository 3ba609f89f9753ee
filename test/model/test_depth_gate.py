# SPDX-License-Identifier: Apache-2.0
"""Pins the depth gate by its formula: what it looks at, what it scales, and its two forms."""

import pytest
import torch
from torch import nn

from molmoact2_ros.model import depth_gate

TOKENS, WIDTH, LAYERS = 6, 5, 3
IS_DEPTH = torch.tensor([[False, False, False, True, True, False]])
VISIBLE = torch.tensor([[False, True, True, True, True, True]])


def _layers() -> list[tuple[torch.Tensor, torch.Tensor]]:
    torch.manual_seed(0)
    return [(torch.randn(1, TOKENS, WIDTH), torch.randn(1, TOKENS, WIDTH)) for _ in range(LAYERS)]


def _opening(gate: nn.Linear, values: torch.Tensor, seen: list[int]) -> torch.Tensor:
    return torch.sigmoid(values[0, seen].mean(0) @ gate.weight[0] + gate.bias[0])


@pytest.mark.parametrize("shared", [False, True])
def test_depth_tokens_are_scaled_by_what_the_layer_or_the_last_one_shows_of_the_rest(shared: bool) -> None:
    layers = _layers()
    gate = nn.Linear(WIDTH, 1) if shared else nn.ModuleList(nn.Linear(WIDTH, 1) for _ in range(LAYERS))
    for index, (keys, values) in enumerate(depth_gate.scale(gate, layers, VISIBLE, IS_DEPTH)):
        one, looked_at = (gate, layers[-1][1]) if shared else (gate[index], layers[index][1])
        factor = torch.where(IS_DEPTH, _opening(one, looked_at, [1, 2, 5]), 1.0)[..., None]
        torch.testing.assert_close(keys, layers[index][0] * factor)
        torch.testing.assert_close(values, layers[index][1] * factor)


def test_with_nothing_but_depth_visible_the_gate_looks_at_that() -> None:
    gate, layers = nn.Linear(WIDTH, 1), _layers()
    keys, _ = depth_gate.scale(gate, layers, VISIBLE & IS_DEPTH, IS_DEPTH)[0]
    torch.testing.assert_close(keys[0, 3], layers[0][0][0, 3] * _opening(gate, layers[-1][1], [3, 4]))


def test_a_prompt_without_depth_tokens_passes_unchanged() -> None:
    gate, layers = nn.Linear(WIDTH, 1), _layers()
    keys, values = depth_gate.scale(gate, layers, VISIBLE, torch.zeros_like(IS_DEPTH))[1]
    assert torch.equal(keys, layers[1][0])
    assert torch.equal(values, layers[1][1])
