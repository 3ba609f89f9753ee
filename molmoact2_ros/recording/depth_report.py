# SPDX-License-Identifier: Apache-2.0
"""The plot of a run's depth reasoning: frames with their codes, what they stand for, and what each map cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from .depth_record import IMAGES, DepthRecord

COLUMNS = 4


def write_depth_report(path: Path, record: DepthRecord) -> None:
    """Draw the images that were kept, the depth decoded for them, then cells, forwards and milliseconds over time.

    Args:
        path: PNG to write.
        record: of at least one map.
    """
    start_s = record.maps[0].time_s
    heights = (1.2, 0.5, 1.0) if record.decoded.kept else (1.2, 1.0)
    figure = matplotlib.figure.Figure(figsize=(13, 6 * sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    parts: Any = figure.subfigures(len(heights), 1, height_ratios=heights)
    strip, *decoded, plots = parts
    strip.suptitle("depth codes over the frame that they belong to; outlined: decoded from this frame, others kept")
    for axis, (time_s, image) in _placed(strip, IMAGES // COLUMNS, COLUMNS, record.images.kept):
        axis.imshow(image)
        axis.set_title(f"{time_s - start_s:.1f} s", fontsize="small")
    for part in decoded:
        part.suptitle("the depth that the codes stand for, m")
        _draw_decoded(part, record, start_s)
    times = np.array([entry.time_s - start_s for entry in record.maps])
    moving = np.array([entry.moving for entry in record.maps])
    rows = (
        ("cells decoded", [int(entry.decoded.sum()) for entry in record.maps]),
        ("forwards", [entry.forwards for entry in record.maps]),
        ("ms to read and decode", [entry.decoding_ms for entry in record.maps]),
    )
    for axis, (label, values) in zip(plots.subplots(len(rows), 1, sharex=True), rows, strict=True):
        axis.plot(times, values, ".-", linewidth=0.6, markersize=4)
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        if moving.any():
            axis.axvspan(times[moving][0], times[moving][-1], color="tab:orange", alpha=0.1)
    plots.supxlabel("s since the first map; shaded: the arm moves")
    figure.savefig(path, dpi=80)


def _draw_decoded(part: Any, record: DepthRecord, start_s: float) -> None:
    """Draw every second map that was kept, in one scale."""
    kept = record.decoded.kept[1::2]
    kept = kept or record.decoded.kept
    low, high = min(depth_m.min() for _, depth_m in kept), max(depth_m.max() for _, depth_m in kept)
    drawn: list[Any] = []
    for axis, (time_s, depth_m) in _placed(part, 1, IMAGES // 2, kept):
        drawn.append(axis.imshow(depth_m, cmap="viridis_r", vmin=low, vmax=high, aspect=9 / 16))
        axis.set_title(f"{time_s - start_s:.1f} s", fontsize="small")
    part.colorbar(drawn[0], ax=part.axes, shrink=0.7)


def _placed(part: Any, rows: int, columns: int, images: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield an empty place of a grid and an image for it, while there are both."""
    axes = part.subplots(rows, columns).ravel()
    for axis in axes:
        axis.set_axis_off()
    yield from zip(axes, images, strict=False)
