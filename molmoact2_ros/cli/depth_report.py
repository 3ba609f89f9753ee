# SPDX-License-Identifier: Apache-2.0
"""The picture of a run's depth reasoning: frames with their codes, and what each map cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from .depth_record import PICTURES, DepthRecord

COLUMNS = 4


def write_depth_report(path: Path, record: DepthRecord) -> None:
    """Draw the pictures that were kept, then cells decoded, forwards and milliseconds over time.

    Args:
        path: PNG to write.
        record: of at least one map.
    """
    start_s = record.maps[0].time_s
    figure = matplotlib.figure.Figure(figsize=(13, 13), layout="constrained")
    FigureCanvasAgg(figure)
    parts: Any = figure.subfigures(2, 1, height_ratios=(1.2, 1))
    strip, plots = parts
    strip.suptitle("depth codes over the frame that they belong to; outlined: decoded from this frame, others kept")
    axes = strip.subplots(PICTURES // COLUMNS, COLUMNS).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, (time_s, picture) in zip(axes, record.pictures, strict=False):
        axis.imshow(picture)
        axis.set_title(f"{time_s - start_s:.1f} s", fontsize="small")
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
