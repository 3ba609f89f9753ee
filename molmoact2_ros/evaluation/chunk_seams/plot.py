# SPDX-License-Identifier: Apache-2.0
"""The plot of the seam benchmark: figures over the delay, and one joint around a chunk of another mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from .bench import FADE, MAX_JUMP_RATIO, MAX_SEAM_JERK_RATIO, MODES, TICK_S, WARM_UP_CHUNKS, Results
from .chunks import OTHER_MODE_EVERY, REPLAN_TICKS

STYLES: dict[str, dict[str, Any]] = {
    "none": {"color": "0.6", "linestyle": ":"},
    "lerobot": {"color": "tab:orange", "linestyle": "--"},
    "act": {"color": "tab:red", "linestyle": "--"},
    "lerobot_smoothed": {"color": "tab:orange", "linestyle": ":"},
    "act_smoothed": {"color": "tab:red", "linestyle": ":"},
    FADE: {"color": "tab:olive"},
    "receding": {"color": "tab:blue"},
    "ensemble": {"color": "tab:cyan"},
    "rtc": {"color": "tab:green"},
}
PANELS = (
    ("jump_ratio", "position step at seams / elsewhere", MAX_JUMP_RATIO),
    ("seam_jerk_ratio", "jerk at seams / inside raw chunks", MAX_SEAM_JERK_RATIO),
    ("following_rad", "RMS distance from the newest chunk, rad", None),
)
TRACED = ("none", "lerobot", "act", *MODES)
TRACED_CHUNKS = 5


def write_seam_plot(path: Path, results: Results) -> None:
    """Write the plot."""
    figure = matplotlib.figure.Figure(figsize=(13, 8), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, len(PANELS))
    for column, (name, title, goal) in enumerate(PANELS):
        _panel(figure.add_subplot(grid[0, column]), results, name, title, goal)
    _trace(figure.add_subplot(grid[1, :]), results)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    figure.savefig(path, dpi=100)


def _panel(axis: Any, results: Results, name: str, title: str, goal: float | None) -> None:
    for contestant, by_delay in {**results.baselines, **results.modes}.items():
        values = [getattr(figures, name) for figures in by_delay.values()]
        axis.plot(list(by_delay), values, label=contestant, marker=".", **STYLES[contestant])
    if goal is not None:
        axis.axhline(goal, color="black", linewidth=0.8)
        axis.set_yscale("log")
    else:
        closest = results.closest_rad
        axis.plot(list(closest), list(closest.values()), color="black", linewidth=0.8)
        causal = results.causal_rad
        axis.plot(list(causal), list(causal.values()), color="black", linewidth=0.8, linestyle="--")
        text = "black: no path as smooth is closer\ndashed: best tracker that knows only what has arrived"
        axis.annotate(text, (0.03, 0.97), xycoords="axes fraction", fontsize=7, va="top")
    axis.set_title(title)
    axis.set_xlabel("delay, ticks")
    axis.grid(alpha=0.3)


def _trace(axis: Any, results: Results) -> None:
    """Draw the joint whose raw rows step furthest when the other mode ends."""
    other = WARM_UP_CHUNKS + OTHER_MODE_EVERY - 1 + (-WARM_UP_CHUNKS) % OTHER_MODE_EVERY
    first = min((other - 1) * REPLAN_TICKS, max(0, len(results.runs["none"].positions) - TRACED_CHUNKS * REPLAN_TICKS))
    shown = slice(first, first + TRACED_CHUNKS * REPLAN_TICKS)
    steps = np.abs(np.diff(results.runs["none"].positions[shown], axis=0))
    joint = int(steps.max(axis=0).argmax())
    for name in TRACED:
        values = results.runs[name].positions[shown, joint]
        axis.plot(np.arange(len(values)) * TICK_S, values, **STYLES[name])
    axis.set_title(f"one joint at a delay of {results.shown_delay} ticks: a chunk of the other mode comes and goes")
    axis.set_xlabel("s")
    axis.set_ylabel("rad")
    axis.grid(alpha=0.3)
