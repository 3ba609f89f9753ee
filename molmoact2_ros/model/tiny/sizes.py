# SPDX-License-Identifier: Apache-2.0
"""How large a tiny checkpoint is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TinySizes:
    """The sizes that differ from the released ones, all of them small.

    Images of 70 px give 5 x 5 patches and 3 x 3 pooled tokens: odd, as the released 27 x 27, so that windows at the
    border reach outside the image.

    Attributes:
        layers: of the language model and of the action expert, which must have one block per language layer.
        text_width, text_mlp_width, text_heads, text_kv_heads, text_head_width: of the language model.
        expert_width, expert_heads, expert_mlp_ratio: of the action expert.
        image_size_px: side of the square input image, a multiple of 14.
        rope_theta: base of the language model's rotary positions.
        action_tokens: length of the range of action tokens.
        depth_codes: cells of the depth grid, a square number; only used with depth reasoning.
        depth_levels: values that the code of a cell can have; likewise.
    """

    layers: int = 3
    text_width: int = 64
    text_mlp_width: int = 96
    text_heads: int = 4
    text_kv_heads: int = 2
    text_head_width: int = 16
    expert_width: int = 48
    expert_heads: int = 4
    expert_mlp_ratio: float = 4.0
    image_size_px: int = 70
    rope_theta: float = 5_000_000.0
    action_tokens: int = 64
    depth_codes: int = 16
    depth_levels: int = 16

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ValueError(f"expected at least 1 layer, got {self.layers}")
