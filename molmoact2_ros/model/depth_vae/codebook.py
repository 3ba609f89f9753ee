# SPDX-License-Identifier: Apache-2.0
"""The codebook: the nearest of a fixed number of vectors, and how it follows what it is used for.

Trained by running averages (van den Oord et al., "Neural Discrete Representation Learning", appendix A.1): a code moves
to the mean of the vectors that chose it. The names of the buffers are those of the released file.

Axes: B maps, G codes along a side, C width of a code, K codes, N = B * G * G vectors.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

DECAY, SMOOTHING = 0.99, 1e-5
# A code that fewer than this part of its fair share of vectors choose is given away; 0.99 forgets in 100 steps.
UNUSED_SHARE = 0.05


class Codebook(nn.Module):
    """K vectors and what they were used for lately."""

    def __init__(self, num_codes: int, width: int) -> None:
        super().__init__()
        vectors = torch.randn(num_codes, width)
        self.register_buffer("_embedding", vectors)
        self.register_buffer("_ema_cluster_size", torch.ones(num_codes))
        self.register_buffer("_ema_w", vectors.clone())
        self._embedding: Tensor
        self._ema_cluster_size: Tensor
        self._ema_w: Tensor

    def codes(self, features: Tensor) -> Tensor:
        """Return the nearest code of each vector: [B, C, G, G] to int64 [B, G, G]."""
        flat = features.movedim(1, -1)  # [B, G, G, C]
        # |x|^2 is the same for every code, so it is left out.
        distances = self._embedding.square().sum(1) - 2 * flat @ self._embedding.T  # [B, G, G, K]
        return distances.argmin(-1)

    def vectors(self, codes: Tensor) -> Tensor:
        """Return the vectors of codes: int64 [B, G, G] to [B, C, G, G]."""
        return self._embedding[codes].movedim(-1, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Quantise so that gradients pass straight through.

        Args:
            features: [B, C, G, G] from the encoder.

        Returns:
            [B, C, G, G] whose values are those of the codes and whose gradient goes to `features` unchanged, and the
            codes [B, G, G].
        """
        codes = self.codes(features.detach())
        return features + (self.vectors(codes) - features).detach(), codes

    @torch.no_grad()
    def follow(self, features: Tensor, codes: Tensor) -> None:
        """Move each code towards the mean of the vectors that chose it."""
        flat = features.movedim(1, -1).flatten(0, 2)  # [N, C]
        chosen = torch.zeros(len(flat), len(self._embedding), device=flat.device)
        chosen.scatter_(1, codes.reshape(-1, 1), 1.0)  # [N, K]
        self._ema_cluster_size.lerp_(chosen.sum(0), 1 - DECAY)
        self._ema_w.lerp_(chosen.T @ flat, 1 - DECAY)
        total = self._ema_cluster_size.sum()
        sizes = (self._ema_cluster_size + SMOOTHING) / (total + len(self._embedding) * SMOOTHING) * total
        self._embedding.copy_(self._ema_w / sizes[:, None])

    @torch.no_grad()
    def start_from(self, features: Tensor) -> None:
        """Take random vectors of the encoder for codes, so that all of them are of use from the first step."""
        self._take(torch.arange(len(self._embedding)), features, torch.ones_like(features[:, 0]).flatten())

    @torch.no_grad()
    def revive(self, features: Tensor) -> int:
        """Move the codes that hardly anything chooses to where codes are missing; return how many.

        There: vectors of the encoder, the likelier the further they are from their code, as k-means++ chooses centres.
        """
        fair = self._ema_cluster_size.mean()
        unused = (self._ema_cluster_size < UNUSED_SHARE * fair).nonzero()[:, 0]
        if len(unused):
            self._take(unused, features, (features - self.vectors(self.codes(features))).square().sum(1).flatten())
        return len(unused)

    def _take(self, codes: Tensor, features: Tensor, weights: Tensor) -> None:
        """Put codes at vectors drawn with the weights [N]."""
        flat = features.movedim(1, -1).flatten(0, 2)  # [N, C]
        drawn = torch.multinomial(weights + 1e-12, len(codes), replacement=len(codes) > len(flat))
        self._embedding[codes] = flat[drawn]
        size = max(1.0, len(flat) / len(self._embedding))
        self._ema_cluster_size[codes] = size
        self._ema_w[codes] = self._embedding[codes] * size
