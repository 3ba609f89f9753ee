# SPDX-License-Identifier: Apache-2.0
"""The network: convolutions down to the grid, a codebook, transposed convolutions back up.

Source: the depth VQ-VAE of AiT (SwinTransformer/AiT, vae/models/VQVAE.py at ca2c2d1), which Aurora
(mahtabbigverdi/Aurora-perception) and MolmoAct (allenai/molmoact, scripts/vqvae.py and preprocess/processors.py at
622ad08) use with the sizes of `DepthVaeConfig.released`. Layers stand at the indices of the released file.

Axes: B maps, S side of a map in pixels, G codes along a side, C width of a code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .codebook import Codebook
from .config import DepthVaeConfig


class DepthVae(nn.Module):
    """Encoder, codebook and decoder. Values in and out are those of a scale (see `scale`), not metres."""

    def __init__(self, config: DepthVaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = _encoder(config)
        self._vq_vae = Codebook(config.num_codes, config.code_width)
        self.decoder = _decoder(config)

    @property
    def codebook(self) -> Codebook:
        """The codes; the attribute's own name is that of the released file's keys."""
        return self._vq_vae

    @torch.inference_mode()
    def encode(self, values: Tensor) -> Tensor:
        """Return the codes of maps: [B, 1, S, S] to int64 [B, G, G]."""
        return self.codebook.codes(self.encoder(values))

    @torch.inference_mode()
    def decode(self, codes: Tensor) -> Tensor:
        """Return the maps that codes stand for: int64 [B, G, G] to [B, 1, S, S]."""
        values: Tensor = self.decoder(self.codebook.vectors(codes))
        return values


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions and one of 1 x 1, added to what comes in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return [B, width, G, G]."""
        out: Tensor = features + self.net(features)
        return out


def _encoder(config: DepthVaeConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    width_in, width = 1, config.first_width
    for _ in range(config.halvings):
        layers += [nn.Conv2d(width_in, width, 4, stride=2, padding=1), nn.ReLU()]
        width_in, width = width, 2 * width
    layers += [ResidualBlock(config.grid_width) for _ in range(config.blocks)]
    return nn.Sequential(*layers, nn.Conv2d(config.grid_width, config.code_width, 1))


def _decoder(config: DepthVaeConfig) -> nn.Sequential:
    width = config.grid_width
    layers: list[nn.Module] = [nn.Conv2d(config.code_width, width, 1), nn.ReLU()]
    layers += [ResidualBlock(width) for _ in range(config.blocks)]
    for step in range(config.halvings):
        width_in, width = width, width if step == 0 else width // 2
        layers += [nn.ConvTranspose2d(width_in, width, 4, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 1))
