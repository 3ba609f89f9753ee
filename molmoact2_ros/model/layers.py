# SPDX-License-Identifier: Apache-2.0
"""Parts that the image transformer, the language model and the action expert share.

Axes: B batch, N positions, H heads, E head width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
}


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """Return the activation a checkpoint's `hidden_act` names.

    Raises:
        ValueError: if the name is not one of those the released checkpoints use.
    """
    if name not in _ACTIVATIONS:
        raise ValueError(f"hidden_act is {name!r}, but must be one of {sorted(_ACTIVATIONS)}")
    return _ACTIVATIONS[name]


def rms_norm(x: Tensor, eps: float) -> Tensor:
    """Scale the last axis to unit mean square; computed in float32 and returned in the dtype of `x`."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype)


class RMSNorm(nn.Module):
    """RMS norm with a weight, which is applied after the cast back: below float32 that order shows."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] -> [..., width]."""
        return self.weight * rms_norm(x, self.eps)


def rotary_tables(positions: Tensor, width: int, theta: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Build the cosines and sines that `rotate` multiplies by.

    Args:
        positions: [B, N] integer, position of each token.
        width: head width E.
        theta: base of the geometric series of wavelengths.
        dtype: of the result; the angles themselves are float32.

    Returns:
        Two [B, 1, N, E] tensors, to broadcast over the heads.
    """
    exponents = torch.arange(0, width, 2, device=positions.device, dtype=torch.float32) / width
    angles = positions[:, None, :, None].float() * (1.0 / theta**exponents)  # [B, 1, N, E/2]
    angles = torch.cat((angles, angles), dim=-1)  # [B, 1, N, E]
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
    """Apply rotary positions to [B, H, N, E]; the pairs are (i, i + E/2)."""
    cos, sin = tables
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """[B, N, H*E] -> [B, H, N, E]."""
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """[B, H, N, E] -> [B, N, H*E]."""
    return x.transpose(1, 2).flatten(2)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax attention; fewer key heads than query heads serve consecutive groups of them.

    Args:
        q: [B, H, N, E].
        k: [B, G, M, E], H a multiple of G.
        v: [B, G, M, E].
        mask: broadcastable to [B, H, N, M]; boolean (true = visible) or additive.

    Returns:
        [B, H, N, E] in the dtype of `q`.
    """
    grouped = q.shape[1] != k.shape[1]
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=grouped)
