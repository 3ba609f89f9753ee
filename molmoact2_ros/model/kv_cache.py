# SPDX-License-Identifier: Apache-2.0
"""Keys and values of every language layer, kept for the tokens that follow and for the action expert.

Axes: B batch, G key heads, M token slots, E head width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molmoact2_ros.model.config import LanguageConfig


class KVCache:
    """Buffers allocated once for `capacity` tokens and filled from the left.

    One tensor per layer rather than one for all, so that a training step may differentiate through a prefill: each
    buffer is written once per forward.
    """

    def __init__(
        self, config: LanguageConfig, batch: int, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        shape = (batch, config.num_kv_heads, capacity, config.head_width)
        self._keys = [torch.zeros(shape, dtype=dtype, device=device) for _ in range(config.num_layers)]
        self._values = [torch.zeros(shape, dtype=dtype, device=device) for _ in range(config.num_layers)]
        self.capacity = capacity
        self.length = 0

    def write(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append one layer's [B, G, N, E]; return all its keys and values so far, [B, G, length + N, E].

        The length itself moves in `advance`, once all layers have written.
        """
        end = self.length + k.shape[2]
        self._keys[layer][:, :, self.length : end] = k
        self._values[layer][:, :, self.length : end] = v
        return self._keys[layer][:, :, :end], self._values[layer][:, :, :end]

    def advance(self, count: int) -> None:
        """Count `count` tokens as written in every layer.

        Raises:
            ValueError: if length + count > capacity.
        """
        self.check_room(count)
        self.length += count

    def check_room(self, count: int) -> None:
        """Raise ValueError if `count` more tokens do not fit."""
        if self.length + count > self.capacity:
            raise ValueError(f"the key-value cache holds {self.capacity} tokens, but {self.length + count} are needed")

    def truncate(self, length: int) -> None:
        """Forget all tokens from place `length` on.

        Raises:
            ValueError: if length is negative or greater than the number of tokens held.
        """
        if not 0 <= length <= self.length:
            raise ValueError(f"the key-value cache holds {self.length} tokens and cannot be cut to {length}")
        self.length = length

    def reset(self) -> None:
        """Forget all tokens; the buffers stay."""
        self.length = 0

    def flat(self, layer: int) -> tuple[Tensor, Tensor]:
        """Return one layer's keys and values with their heads side by side, each [B, length, G*E]."""
        keys = self._keys[layer][:, :, : self.length].transpose(1, 2).flatten(2)
        values = self._values[layer][:, :, : self.length].transpose(1, 2).flatten(2)
        return keys, values

    @property
    def num_layers(self) -> int:
        """Number of layers."""
        return len(self._keys)
