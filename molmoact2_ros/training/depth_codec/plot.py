# SPDX-License-Identifier: Apache-2.0
"""Images of depth codes: held-out maps next to what their codes keep of them, and codes by rank."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import NDArray

from molmoact2_ros.model.depth_vae import DepthCodec, MetricScale

from .score import DepthScore, seen_by

ERROR_M = 0.3  # where the colours of the error end
CELL_PX = 32
TITLES = ("true depth, m", "10 x 10 codes, by number", "depth decoded from the codes, m", "absolute error, m")


def write_depth_plot(
    path: Path,
    codec: DepthCodec,
    maps: Mapping[str, NDArray[np.float32]],
    scores: Mapping[str, DepthScore],
) -> None:
    """Write one row for each robot: its map, the codes, the decoded map, the error."""
    scale = codec.scale
    if not isinstance(scale, MetricScale):
        raise ValueError(f"{codec.name} has no metres to draw")
    figure = matplotlib.figure.Figure(figsize=(13, 0.6 + 2.9 * len(maps)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(maps), len(TITLES), squeeze=False)
    for row, (name, depth_m) in zip(axes, maps.items(), strict=True):
        true_m, codes = seen_by(codec, depth_m), codec.encode(depth_m)
        decoded_m = codec.decode(codes)
        low, high = float(true_m.min()), float(true_m.max())
        _show(row[0], true_m, "viridis_r", low, high)
        _show(row[1], codes, "nipy_spectral", 0, codec.config.num_codes - 1)
        _show(row[2], decoded_m, "viridis_r", low, high)
        _show(row[3], np.abs(decoded_m - true_m), "magma", 0, ERROR_M)
        row[0].set_ylabel(f"{name}: {scores[name].mean_m:.3f} m, {scores[name].mean_percent:.1f} %")
    for axis, title in zip(axes[0], TITLES, strict=True):
        axis.set_title(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=70)


def write_rank_picture(path: Path, codes: NDArray[np.int64], num_codes: int) -> None:
    """Draw codes [G, G] as colours by their number, 32 px a cell: it distinguishes codes, not near from far."""
    from matplotlib.image import imsave

    cells = np.kron(codes, np.ones((CELL_PX, CELL_PX), np.int64))
    imsave(path, cells, cmap="viridis", vmin=0, vmax=max(1, num_codes - 1))


def _show(axis: Any, values: NDArray[Any], colours: str, low: float, high: float) -> None:
    image = axis.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.figure.colorbar(image, ax=axis, shrink=0.9)
