# SPDX-License-Identifier: Apache-2.0
"""How well depth survives its codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.model.depth_vae import DepthCodec

Map = NDArray[np.float32]


@dataclass(frozen=True)
class DepthScore:
    """Errors of decoded depth over all pixels of all maps, and what the codebook is used for.

    Attributes:
        maps: how many.
        mean_m: mean absolute error.
        rms_m: root mean square error.
        p90_m: nine tenths of the pixels err by less.
        mean_percent: mean of the error by the true depth.
        within_5_percent: part of the pixels, in per cent, whose error is at most a twentieth of their depth.
        codes_used: codes that any cell of these maps has.
        perplexity: number of codes that would be as surprising if all were equally frequent.
    """

    maps: int
    mean_m: float
    rms_m: float
    p90_m: float
    mean_percent: float
    within_5_percent: float
    codes_used: int
    perplexity: float


def score_codec(codec: DepthCodec, maps: Iterable[Map]) -> DepthScore:
    """Encode maps, decode them, and compare.

    Args:
        codec: a metric one.
        maps: float32 [H, W] in m, all of them known; compared at the side of the codec's own maps.

    Raises:
        ValueError: the codec has no metres, or there is no map.
    """
    if not codec.is_metric:
        raise ValueError(f"{codec.name} has no metres: its error in metres cannot be determined")
    errors, parts, codes = [], [], []
    for depth_m in maps:
        grid = codec.encode(depth_m)
        true_m = seen_by(codec, depth_m)
        error = np.abs(codec.decode(grid) - true_m)
        errors.append(error.ravel())
        parts.append((error / true_m).ravel())
        codes.append(grid.ravel())
    if not errors:
        raise ValueError("expected at least 1 depth map, got none")
    error_m, part = np.concatenate(errors).astype(np.float64), np.concatenate(parts).astype(np.float64)
    counts = np.bincount(np.concatenate(codes), minlength=codec.config.num_codes)
    share = counts[counts > 0] / counts.sum()
    return DepthScore(
        maps=len(errors),
        mean_m=float(error_m.mean()),
        rms_m=float(np.sqrt((error_m**2).mean())),
        p90_m=float(np.percentile(error_m, 90)),
        mean_percent=float(100 * part.mean()),
        within_5_percent=float(100 * (part <= 0.05).mean()),
        codes_used=int((counts > 0).sum()),
        perplexity=float(np.exp(-(share * np.log(share)).sum())),
    )


def seen_by(codec: DepthCodec, depth_m: Map) -> Map:
    """Return a depth map as a metric codec gets it: at its side and within its range, in m [S, S]."""
    scale = codec.scale
    return scale.depth_m(scale.from_depth(depth_m, codec.config.image_px))  # type: ignore[union-attr]
