# SPDX-License-Identifier: Apache-2.0
"""From image patches to vectors that the language model adds to its image tokens.

A SigLIP-style transformer whose two intermediate outputs are concatenated, a cross-attention that pools windows of
patches, and a gated projection. Must equal `MolmoAct2VisionBackbone` of the published modelling code with SDPA
attention: its "eager" branch ignores the pooling mask and is not what the released models were trained with.

Axes: C images, P patches of one image, X numbers in a patch, D width, F concatenated feature width,
R pooled windows of all images, W patches in a window, H heads, E head width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molmoact2_ros.model.config import ConnectorConfig, VisionConfig
from molmoact2_ros.model.layers import activation, attend, merge_heads, split_heads


class VisionBackbone(nn.Module):
    """Patches in, one language-width vector per pooled window out."""

    def __init__(self, vision: VisionConfig, connector: ConnectorConfig, language_width: int) -> None:
        super().__init__()
        self.image_vit = ImageTransformer(vision)
        features = vision.width * len(vision.feature_layers)
        self.image_pooling_2d = Attention(features, connector.width, connector)
        self.image_projector = Projector(connector, language_width)
        self.masks_padding = connector.masks_padding

    def forward(self, pixels: Tensor, windows: Tensor) -> Tensor:
        """Encode images.

        Args:
            pixels: [C, P, X] float32 in [-1, 1], row-major patches, numbers ordered row, column, channel.
            windows: [R, W] integer, the patches of each window in the flattened [C*P]; -1 = outside the image.
                Every window holds at least one patch.

        Returns:
            [R, D] in the dtype of the weights, D the language width.
        """
        features = self.image_vit(pixels).flatten(0, 1)  # [C*P, F]
        return self.image_projector(self._pool(features, windows))

    def _pool(self, features: Tensor, windows: Tensor) -> Tensor:
        inside = windows >= 0  # [R, W]
        patches = features[windows.clamp(min=0)] * inside[..., None].to(features.dtype)  # [R, W, F]
        count = inside.sum(-1) if self.masks_padding else torch.full_like(windows[:, 0], windows.shape[1])
        query = patches.sum(1) / count[:, None].to(features.dtype)  # [R, F]
        mask = inside[:, None, None, :] if self.masks_padding else None  # [R, 1, 1, W]
        return self.image_pooling_2d(query[:, None], patches, mask).squeeze(1)  # [R, D]


class ImageTransformer(nn.Module):
    """The image transformer, up to the deepest layer whose output is used."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.patch_embedding = nn.Linear(config.patch_width, config.width)
        self.positional_embedding = nn.Parameter(torch.zeros(config.num_positions, config.width))
        self.transformer = BlockStack(config)
        self.config = config

    def forward(self, pixels: Tensor) -> Tensor:
        """[C, P, X] -> [C, P, F], the feature layers side by side in the order the checkpoint lists them."""
        pixels = snap_to_uint8_grid(pixels).to(self.patch_embedding.weight.dtype)
        outputs = self.transformer(self.patch_embedding(pixels) + self._positions())  # layers of [C, P, D]
        return torch.cat([outputs[layer] for layer in self.config.feature_layers], dim=-1)

    def _positions(self) -> Tensor:
        """Return [P, D], interpolated when the images have another grid than the one that was learned.

        Interpolated in float32: torch has no such kernel for bfloat16 on a CPU.
        """
        side = math.isqrt(self.config.num_positions)
        if self.config.patch_grid == (side, side):
            return self.positional_embedding
        learned = self.positional_embedding.unflatten(0, (side, side)).permute(2, 0, 1)[None]  # [1, D, row, col]
        size = self.config.patch_grid
        grid = F.interpolate(learned.float(), size, mode="bicubic", align_corners=False, antialias=True)
        return grid[0].flatten(1).transpose(0, 1).to(self.positional_embedding.dtype)  # [P, D]


class BlockStack(nn.Module):
    """The blocks one after the other."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))

    def forward(self, x: Tensor) -> list[Tensor]:
        """[C, P, D] -> the output of every block."""
        outputs = []
        for block in self.resblocks:
            x = block(x)
            outputs.append(x)
        return outputs


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.attention = Attention(config.width, config.width, config)
        self.feed_forward = FeedForward(config)
        self.attention_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.ffn_norm = nn.LayerNorm(config.width, eps=config.norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        """[C, P, D] -> [C, P, D]."""
        normed = self.attention_norm(x)
        x = x + self.attention(normed, normed)
        return x + self.feed_forward(self.ffn_norm(x))


class Attention(nn.Module):
    """Attention of queries over a context; scores in float32 where the checkpoint asks for it."""

    def __init__(self, in_width: int, out_width: int, config: VisionConfig | ConnectorConfig) -> None:
        super().__init__()
        self.num_heads, self.num_kv_heads = config.num_heads, config.num_kv_heads
        self.float32 = config.float32_attention
        self.wq = nn.Linear(in_width, config.num_heads * config.head_width)
        self.wk = nn.Linear(in_width, config.num_kv_heads * config.head_width)
        self.wv = nn.Linear(in_width, config.num_kv_heads * config.head_width)
        self.wo = nn.Linear(config.num_heads * config.head_width, out_width)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        """[C, N, in], [C, M, in] -> [C, N, out]; the boolean mask broadcasts to [C, H, N, M]."""
        q = split_heads(self.wq(x), self.num_heads)  # [C, H, N, E]
        k = split_heads(self.wk(context), self.num_kv_heads)
        v = split_heads(self.wv(context), self.num_kv_heads)
        if self.float32:
            q, k, v = q.float(), k.float(), v.float()
        return self.wo(merge_heads(attend(q, k, v, mask)).to(x.dtype))


class FeedForward(nn.Module):
    """Two-layer perceptron."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.width, config.mlp_width)
        self.w2 = nn.Linear(config.mlp_width, config.width)
        self.activation = activation(config.activation)

    def forward(self, x: Tensor) -> Tensor:
        """[C, P, D] -> [C, P, D]."""
        return self.w2(self.activation(self.w1(x)))


class Projector(nn.Module):
    """Gated projection from pooled features to the language width."""

    def __init__(self, config: ConnectorConfig, language_width: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.width, config.mlp_width, bias=False)
        self.w2 = nn.Linear(config.mlp_width, language_width, bias=False)
        self.w3 = nn.Linear(config.width, config.mlp_width, bias=False)
        self.activation = activation(config.activation)

    def forward(self, x: Tensor) -> Tensor:
        """[R, connector width] -> [R, language width]."""
        return self.w2(self.activation(self.w1(x)) * self.w3(x))


def snap_to_uint8_grid(pixels: Tensor) -> Tensor:
    """Round float pixels in [-1, 1] to the 256 levels of the camera, as the reference does in float32."""
    levels = ((pixels.float() + 1.0) * 0.5 * 255.0).round().clamp(0, 255)
    return levels / 255.0 * 2.0 - 1.0
