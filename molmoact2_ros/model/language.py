# SPDX-License-Identifier: Apache-2.0
"""The language model: a Qwen3-shaped decoder whose cache the action expert reads.

Must equal `MolmoAct2TextModel` of the published modelling code. What to know: the gate is the second half of
`ff_proj`; keys enter the cache after their norm and rotation; the rotary base is the one of `config.json`, whatever
the checkpoint's stored `inv_freq` says.

Axes: B batch, N new tokens, M cached and new tokens, D width, H query heads, G key heads, E head width, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molmoact2_ros.model.config import LanguageConfig
from molmoact2_ros.model.kv_cache import KVCache
from molmoact2_ros.model.layers import (
    RMSNorm,
    activation,
    attend,
    merge_heads,
    rotary_tables,
    rotate,
    split_heads,
)


class LanguageModel(nn.Module):
    """Decoder from embeddings to hidden states; the head that turns those into logits is the caller's."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        self.wte = Embedding(config)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.num_layers))
        self.ln_f = RMSNorm(config.width, config.norm_eps)

    def forward(self, x: Tensor, positions: Tensor, bias: Tensor | None, cache: KVCache) -> Tensor:
        """Run new tokens and append them to the cache.

        Args:
            x: [B, N, D] embeddings.
            positions: [B, N] integer positions for the rotation.
            bias: [B, 1, N, M] additive mask over cached and new tokens; None if all are visible.
            cache: holds the M - N earlier tokens; the N new ones are added.

        Returns:
            [B, N, D] after the final norm.

        Raises:
            ValueError: if the cache has no room for N more tokens.
        """
        cache.check_room(x.shape[1])
        tables = rotary_tables(positions, self.config.head_width, self.config.rope_theta, x.dtype)
        for block in self.blocks:
            x = block(x, tables, bias, cache)
        cache.advance(x.shape[1])
        return self.ln_f(x)


class Embedding(nn.Module):
    """The base vocabulary and, after it, the ids that were added for images."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(config.vocab_size, config.width))
        self.new_embedding = nn.Parameter(torch.zeros(config.extra_vocab_size, config.width))

    def forward(self, ids: Tensor) -> Tensor:
        """[B, N] -> [B, N, D]; -1 (padding) reads row 0. Two look-ups: joining the tables would copy 0.8 GB."""
        size = self.embedding.shape[0]
        base = F.embedding(ids.clamp(0, size - 1), self.embedding)
        added = F.embedding((ids - size).clamp(min=0), self.new_embedding)
        return torch.where((ids >= size)[..., None], added, base)


class Block(nn.Module):
    """Pre-norm decoder block."""

    def __init__(self, config: LanguageConfig, layer: int) -> None:
        super().__init__()
        self.attn_norm = RMSNorm(config.width, config.norm_eps)
        self.self_attn = Attention(config, layer)
        self.ff_norm = RMSNorm(config.width, config.norm_eps)
        self.mlp = GatedMLP(config)

    def forward(self, x: Tensor, tables: tuple[Tensor, Tensor], bias: Tensor | None, cache: KVCache) -> Tensor:
        """[B, N, D] -> [B, N, D]; writes the new keys and values to the cache."""
        x = x + self.self_attn(self.attn_norm(x), tables, bias, cache)
        return x + self.mlp(self.ff_norm(x))


class Attention(nn.Module):
    """Grouped-query attention with per-head norms on queries and keys."""

    def __init__(self, config: LanguageConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.heads = (config.num_heads, config.num_kv_heads, config.num_kv_heads)
        self.att_proj = nn.Linear(config.width, sum(self.heads) * config.head_width, bias=config.qkv_bias)
        self.attn_out = nn.Linear(config.num_heads * config.head_width, config.width, bias=False)
        self.q_norm = RMSNorm(config.head_width, config.norm_eps)
        self.k_norm = RMSNorm(config.head_width, config.norm_eps)

    def forward(self, x: Tensor, tables: tuple[Tensor, Tensor], bias: Tensor | None, cache: KVCache) -> Tensor:
        """[B, N, D] -> [B, N, D]; writes the new keys and values to the cache."""
        q, k, v = split_heads(self.att_proj(x), sum(self.heads)).split(self.heads, dim=1)  # [B, H or G, N, E]
        q = rotate(self.q_norm(q), tables)
        k = rotate(self.k_norm(k), tables)
        keys, values = cache.write(self.layer, k, v)  # [B, G, M, E]
        return self.attn_out(merge_heads(attend(q, keys, values, bias)))


class GatedMLP(nn.Module):
    """SwiGLU with both input projections in one matrix."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.ff_proj = nn.Linear(config.width, 2 * config.mlp_width, bias=False)
        self.ff_out = nn.Linear(config.mlp_width, config.width, bias=False)
        self.activation = activation(config.activation)

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, D] -> [B, N, D]."""
        value, gate = self.ff_proj(x).chunk(2, dim=-1)
        return self.ff_out(self.activation(gate) * value)
