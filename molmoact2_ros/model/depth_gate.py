# SPDX-License-Identifier: Apache-2.0
"""The gate of depth reasoning: how much the action expert reads of the depth map.

A number between 0 and 1 scales keys and values of all depth tokens before the expert's projections. Each language layer
has a gate of its own, which looks at that layer's values; in another form of checkpoint one gate looks at the last
layer's and serves all.

Must equal `action_expert_depth_gate` of the published modelling code.

Axes: B batch, S tokens, W width of all key heads side by side.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from molmoact2_ros.model.config import MolmoAct2Config


def build(config: MolmoAct2Config) -> nn.Module:
    """Make the gate with the names of the checkpoint's keys: numbered where there is one per layer."""
    width = config.language.kv_width
    if not config.depth_gate_per_layer:
        return nn.Linear(width, 1)
    return nn.ModuleList(nn.Linear(width, 1) for _ in range(config.language.num_layers))


def scale(
    gate: nn.Module, layers: list[tuple[Tensor, Tensor]], visible: Tensor, is_depth: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """Scale the depth tokens.

    Args:
        gate: from `build`.
        layers: per language layer its keys and values, each [B, S, W].
        visible: [B, S] bool, the tokens that the action expert may read.
        is_depth: [B, S] bool.

    Returns:
        The layers, with new tensors.
    """
    gates = list(gate) if isinstance(gate, nn.ModuleList) else [gate] * len(layers)
    seen = _seen(visible, is_depth)
    scaled = []
    for layer, (keys, values) in enumerate(layers):
        looked_at = values if isinstance(gate, nn.ModuleList) else layers[-1][1]
        opening = torch.sigmoid(gates[layer](_mean(looked_at, seen)))  # [B, 1]
        factor = torch.where(is_depth, opening, torch.ones_like(opening))[..., None]  # [B, S, 1]
        scaled.append((keys * factor, values * factor))
    return scaled


def _seen(visible: Tensor, is_depth: Tensor) -> Tensor:
    """Mark what the gate looks at: visible tokens but those of depth, or all visible ones if nothing else is left."""
    others = visible & ~is_depth
    return torch.where(others.any(dim=1, keepdim=True), others, visible)


def _mean(values: Tensor, seen: Tensor) -> Tensor:
    """Average [B, S, W] over the marked tokens: [B, W]."""
    weights = seen.to(values.dtype)[..., None]  # [B, S, 1]
    return (values * weights).sum(1) / weights.sum(1).clamp(min=1)
