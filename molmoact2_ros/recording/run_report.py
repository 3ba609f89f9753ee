# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind for people: camera frames, a contact sheet, commanded against measured joints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.figure
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .run_metrics import RunMetrics, Trace

SHEET_COLUMNS = 6
CAPTION_PX = 14


@dataclass(frozen=True)
class CameraFrame:
    """One camera image of the run: u8 [height, width, 3] RGB, `time_s` since the robot was armed."""

    role: str
    time_s: float
    image: NDArray[np.uint8]


def write_frames(folder: Path, frames: Sequence[CameraFrame]) -> None:
    """Write each frame as PNG, named by camera and time."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in frames:
        Image.fromarray(frame.image).save(folder / f"{frame.role}_{frame.time_s:06.2f}s.png")


def write_contact_sheet(path: Path, frames: Sequence[CameraFrame]) -> None:
    """Write one image with a row of frames, evenly spaced in time, per camera."""
    roles = list(dict.fromkeys(frame.role for frame in frames))
    rows = [_spread([frame for frame in frames if frame.role == role]) for role in roles]
    height, width = frames[0].image.shape[:2]
    sheet = Image.new("RGB", (width * max(map(len, rows)), (height + CAPTION_PX) * len(rows)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, shown in enumerate(rows):
        for column, frame in enumerate(shown):
            corner = (column * width, row * (height + CAPTION_PX))
            sheet.paste(Image.fromarray(frame.image), (corner[0], corner[1] + CAPTION_PX))
            pen.text((corner[0] + 3, corner[1] + 1), f"{frame.role}  {frame.time_s:.1f} s", fill="black")
    sheet.save(path)


def write_joint_plot(path: Path, names: Sequence[str], metrics: RunMetrics) -> None:
    """Plot every joint, commanded against measured, over time."""
    figure = matplotlib.figure.Figure(figsize=(11, 1.7 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    start_s = min((trace.times_s[0] for trace in (metrics.commanded, metrics.measured) if trace.times_s), default=0.0)
    for index, (name, axis) in enumerate(zip(names, axes, strict=True)):
        for trace, style, label in ((metrics.measured, "C0-", "measured"), (metrics.commanded, "C1--", "commanded")):
            axis.plot(*_series(trace, index, start_s), style, linewidth=1, label=label)
        axis.set_ylabel(name)
        axis.grid(alpha=0.3)
    axes[0].legend(loc="upper right", ncols=2)
    axes[-1].set_xlabel("s")
    figure.suptitle("joints, commanded and measured (rad; gripper 0 closed to 1 open)")
    figure.savefig(path, dpi=90)


def _series(trace: Trace, index: int, start_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array(trace.times_s) - start_s, np.array([row[index] for row in trace.positions])


def _spread(frames: Sequence[CameraFrame]) -> list[CameraFrame]:
    picks = np.linspace(0, len(frames) - 1, min(SHEET_COLUMNS, len(frames))).round().astype(int)
    return [frames[pick] for pick in picks]
