# SPDX-License-Identifier: Apache-2.0
"""Fit a depth auto-encoder to depth maps.

It starts as a plain auto-encoder without codes: a codebook laid over an untrained encoder, whose vectors are all alike,
ends with one code for everything.

The loss is the mean absolute error of the values, plus the pull of the encoder towards the codes that it chose. The
public recipe has squared errors; absolute ones blur the edges of things less.

Axes: N maps, B of a step, S side of a map in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from molmoact2_ros.model.depth_vae import DepthVae, DepthVaeConfig

OnStep = Callable[[int, float], None]

STEPS, BATCH = 5000, 8
RATE, WARM_UP_STEPS = 2e-3, 100
PLAIN_PART = 0.1  # of the steps, without codes
COMMITMENT = 0.25  # of the published VQ-VAE
# Codes that nothing chooses are moved while there is time to learn to use them.
REVIVE_EVERY, REVIVE_PART = 50, 0.8


def fit_depth_vae(
    values: NDArray[np.floating],
    config: DepthVaeConfig,
    *,
    steps: int = STEPS,
    batch: int = BATCH,
    seed: int = 0,
    device: str = "cpu",
    on_step: OnStep | None = None,
) -> DepthVae:
    """Return an auto-encoder fitted to maps.

    Args:
        values: [N, S, S] of a scale, 0 to 1.
        config: sizes; S is its `image_px`.
        steps: of the optimiser.
        batch: B; each map is mirrored left to right every second time.
        seed: of weights, order and mirroring.
        device: where to train.
        on_step: called after each step with its number, from 1, and the mean absolute error of its values.

    Raises:
        ValueError: there is no map, no step or no batch, or the maps have another side.
    """
    if min(len(values), steps, batch) < 1:
        raise ValueError(f"expected at least 1 map, 1 step and 1 map in a step, got {len(values)}, {steps} and {batch}")
    if values.shape[1:] != (config.image_px, config.image_px):
        raise ValueError(f"expected maps of {config.image_px} x {config.image_px}, got {values.shape[1:]}")
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = DepthVae(config).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    for step in range(steps):
        maps = _draw(values, batch, random).to(device)
        error, commitment = _losses(network, maps, step, steps)
        (error + COMMITMENT * commitment).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        if on_step:
            on_step(step + 1, error.item())
    return network.eval().requires_grad_(False)


def _losses(network: DepthVae, maps: Tensor, step: int, steps: int) -> tuple[Tensor, Tensor]:
    """Return the error of the values and the distance of the encoder's vectors from their codes."""
    codebook, features = network.codebook, network.encoder(maps)
    plain = round(PLAIN_PART * steps)
    if step < plain:
        return (network.decoder(features) - maps).abs().mean(), features.new_zeros(())
    if step == plain:
        codebook.start_from(features)
    elif step % REVIVE_EVERY == 0 and step < REVIVE_PART * steps:
        codebook.revive(features)
    quantised, codes = codebook(features)
    codebook.follow(features, codes)
    commitment = (features - quantised.detach()).square().mean()
    return (network.decoder(quantised) - maps).abs().mean(), commitment


def _draw(values: NDArray[np.floating], batch: int, random: np.random.Generator) -> Tensor:
    """Return [B, 1, S, S]."""
    maps = values[random.integers(len(values), size=batch)].astype(np.float32)
    mirrored = random.random(batch) < 0.5
    maps[mirrored] = maps[mirrored, :, ::-1]
    return torch.from_numpy(maps)[:, None]


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / WARM_UP_STEPS) * (1 + math.cos(math.pi * step / steps)) / 2
