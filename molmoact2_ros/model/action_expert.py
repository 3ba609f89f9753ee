# SPDX-License-Identifier: Apache-2.0
"""The action expert: a transformer that turns noisy actions and a time into the velocity of the flow.

One block per language layer; block l reads the cached keys and values of language layer l through two projections
shared by all blocks. Must equal `ActionExpert` of the published modelling code. Its norms have no weights.

What depends on the observation alone (`project_context`) and on the time alone (`modulate_at`) is computed apart from
the velocity, so that ten integration steps share the first and all calls share the second.

Axes: B batch, T steps of the action chunk, A action numbers, D width, S prompt tokens, H heads, E head width.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molmoact2_ros.model.config import ActionExpertConfig
from molmoact2_ros.model.layers import attend, merge_heads, rms_norm, rotary_tables, rotate, split_heads
from molmoact2_ros.model.masks import additive

# Constants of the published code, in no configuration file.
NORM_EPS = 1e-6
ROPE_THETA = 10_000.0
TIME_THETA = 10_000.0


@dataclass(frozen=True)
class Context:
    """What the expert reads of the observation.

    keys and values: one [B, H, S, E] per layer.
    bias: [B, 1, 1, S] additive mask.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    bias: Tensor

    def repeat(self, count: int) -> Context:
        """Repeat each batch row `count` times in place, for several noise samples of one observation."""
        return Context(
            tuple(k.repeat_interleave(count, 0) for k in self.keys),
            tuple(v.repeat_interleave(count, 0) for v in self.values),
            self.bias.repeat_interleave(count, 0),
        )


@dataclass(frozen=True)
class Modulation:
    """Shifts, scales and gates at given times: one [B, 9*D] per block, and [B, 2*D] for the final layer."""

    blocks: tuple[Tensor, ...]
    final: Tensor

    def row(self, index: int) -> Modulation:
        """Return the modulation at one time, as a batch of one."""
        rows = slice(index, index + 1)
        return Modulation(tuple(block[rows] for block in self.blocks), self.final[rows])


class ActionExpert(nn.Module):
    """Velocity field over action chunks."""

    def __init__(self, config: ActionExpertConfig, context_width: int) -> None:
        super().__init__()
        self.config = config
        self.time_embed = TimeEmbedding(config.time_width, config.width)
        self.action_embed = nn.Linear(config.action_width, config.width)
        self.context_k_proj = nn.Linear(context_width, config.width, bias=False)
        self.context_v_proj = nn.Linear(context_width, config.width, bias=False)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.final_layer = FinalLayer(config)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype in which actions enter."""
        return self.action_embed.weight.dtype

    def project_context(self, layers: list[tuple[Tensor, Tensor]], visible: Tensor) -> Context:
        """Project the language model's cache.

        Args:
            layers: per language layer its keys and values, each [B, S, width of all key heads].
            visible: [B, S] bool, the tokens the expert may read.
        """
        keys = tuple(rms_norm(self._to_heads(self.context_k_proj(k)), self.config.head_norm_eps) for k, _ in layers)
        values = tuple(self._to_heads(self.context_v_proj(v)) for _, v in layers)
        return Context(keys, values, self.context_bias(visible))

    def context_bias(self, visible: Tensor) -> Tensor:
        """[B, S] bool -> the additive mask [B, 1, 1, S] that every block adds to its scores."""
        return additive(visible, self.dtype)[:, None, None, :]

    def _to_heads(self, x: Tensor) -> Tensor:
        return split_heads(rms_norm(x, NORM_EPS), self.config.num_heads)  # [B, H, S, E]

    def modulate_at(self, times: Tensor) -> Modulation:
        """Compute what the times [B] contribute to every layer."""
        time = F.silu(self.time_embed(times))  # [B, D]
        blocks = cast("Iterable[Block]", self.blocks)
        return Modulation(tuple(block.modulation(time) for block in blocks), self.final_layer.modulation(time))

    def forward(self, actions: Tensor, modulation: Modulation, context: Context) -> Tensor:
        """Predict the velocity.

        Args:
            actions: [B, T, A] noisy actions.
            modulation: at the time of each batch row, or of one time for all.
            context: of the observation of each batch row.

        Returns:
            [B, T, A].
        """
        x = self.action_embed(actions)  # [B, T, D]
        steps = torch.arange(x.shape[1], device=x.device)[None]
        tables = rotary_tables(steps, self.config.head_width, ROPE_THETA, x.dtype)
        layers = zip(self.blocks, modulation.blocks, context.keys, context.values, strict=True)
        for block, shifts, keys, values in layers:
            x = block(x, shifts, tables, (keys, values, context.bias))
        return self.final_layer(x, modulation.final)


class TimeEmbedding(nn.Sequential):
    """Perceptron on the sines and cosines of a time in 0..1.

    The checkpoint numbers the layers 1 and 3: 0 was the sinusoid, which has no weights, and 2 the activation.
    """

    def __init__(self, time_width: int, width: int) -> None:
        super().__init__(nn.Identity(), nn.Linear(time_width, width), nn.SiLU(), nn.Linear(width, width))
        self.num_frequencies = time_width // 2

    def forward(self, times: Tensor) -> Tensor:
        """[B] float32 -> [B, D]."""
        return super().forward(self._sinusoid(times).to(cast(nn.Linear, self[1]).weight.dtype))

    def _sinusoid(self, times: Tensor) -> Tensor:
        """[B] -> [B, 2 * frequencies] float32, at geometric frequencies from 1 to 1/theta, both included; one is 1."""
        steps = torch.arange(self.num_frequencies, device=times.device, dtype=torch.float32)
        intervals = max(self.num_frequencies - 1, 1)
        angles = times.float()[:, None] * torch.exp(-math.log(TIME_THETA) * steps / intervals)
        return torch.cat((angles.sin(), angles.cos()), dim=-1)


class Modulator(nn.Module):
    """Linear map from the time embedding to `count` vectors."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, count * width)

    def forward(self, time: Tensor) -> Tensor:
        """[B, D] -> [B, count * D]."""
        return self.linear(time)


class Block(nn.Module):
    """Self-attention over the chunk, cross-attention over the prompt, gated perceptron."""

    def __init__(self, config: ActionExpertConfig) -> None:
        super().__init__()
        self.modulation = Modulator(config.width, 9)
        self.self_attn = SelfAttention(config)
        self.cross_attn = CrossAttention(config)
        self.mlp = GatedMLP(config)

    def forward(
        self, x: Tensor, shifts: Tensor, tables: tuple[Tensor, Tensor], context: tuple[Tensor, Tensor, Tensor]
    ) -> Tensor:
        """[B, T, D] -> [B, T, D]; `shifts` holds shift, scale, gate of the three parts in their order."""
        self_mod, cross_mod, mlp_mod = shifts[:, None].unflatten(-1, (3, 3, -1)).unbind(2)  # each [B, 1, 3, D]
        x = x + gate(self_mod) * self.self_attn(modulate(x, self_mod), tables)
        x = x + gate(cross_mod) * self.cross_attn(modulate(x, cross_mod), *context)
        return x + gate(mlp_mod) * self.mlp(modulate(x, mlp_mod))


class SelfAttention(nn.Module):
    """Attention of every action row over all rows of the chunk."""

    def __init__(self, config: ActionExpertConfig) -> None:
        super().__init__()
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out_proj = nn.Linear(config.width, config.width)
        self.num_heads, self.eps = config.num_heads, config.head_norm_eps

    def forward(self, x: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
        """[B, T, D] -> [B, T, D]."""
        q, k, v = (split_heads(part, self.num_heads) for part in self.qkv(x).chunk(3, dim=-1))  # [B, H, T, E]
        q, k = rotate(rms_norm(q, self.eps), tables), rotate(rms_norm(k, self.eps), tables)
        return self.out_proj(merge_heads(attend(q, k, v)))


class CrossAttention(nn.Module):
    """Attention of every action row over the visible prompt."""

    def __init__(self, config: ActionExpertConfig) -> None:
        super().__init__()
        self.q_proj = nn.Linear(config.width, config.width)
        self.out_proj = nn.Linear(config.width, config.width)
        self.num_heads, self.eps = config.num_heads, config.head_norm_eps

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, D]."""
        q = rms_norm(split_heads(self.q_proj(x), self.num_heads), self.eps)  # [B, H, T, E]
        return self.out_proj(merge_heads(attend(q, keys, values, bias)))


class GatedMLP(nn.Module):
    """SwiGLU."""

    def __init__(self, config: ActionExpertConfig) -> None:
        super().__init__()
        self.up_proj = nn.Linear(config.width, config.mlp_width)
        self.gate_proj = nn.Linear(config.width, config.mlp_width)
        self.down_proj = nn.Linear(config.mlp_width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, D]."""
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class FinalLayer(nn.Module):
    """Last norm and the map to action numbers."""

    def __init__(self, config: ActionExpertConfig) -> None:
        super().__init__()
        self.modulation = Modulator(config.width, 2)
        self.linear = nn.Linear(config.width, config.action_width)

    def forward(self, x: Tensor, shifts: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, A]."""
        return self.linear(modulate(x, shifts[:, None].unflatten(-1, (2, -1))))


def modulate(x: Tensor, mod: Tensor) -> Tensor:
    """Normalise [B, T, D], then scale and shift it; `mod` is [B, 1, 2 or 3, D] with shift and scale first."""
    shift, scale = mod[:, :, 0], mod[:, :, 1]
    return rms_norm(x, NORM_EPS) * (1 + scale) + shift


def gate(mod: Tensor) -> Tensor:
    """The gate of a residual branch, [B, 1, D]."""
    return mod[:, :, 2]
