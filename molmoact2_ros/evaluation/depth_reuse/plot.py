# SPDX-License-Identifier: Apache-2.0
"""The plot of the evaluation of change detection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.figure
from matplotlib.backends.backend_agg import FigureCanvasAgg

from molmoact2_ros.perception.cell_comparison import COSINE, PER_CELL, THRESHOLDS

from .bench import SHIPPED, ThinkResults

COLOURS = {"reference": "tab:orange", "cosine, per cell": "tab:red", "noise, previous": "tab:cyan", SHIPPED: "tab:blue"}
SWEEP_NAMES = {
    ("cosine", "previous"): "reference",
    ("cosine", PER_CELL): "cosine, per cell",
    ("noise", "previous"): "noise, previous",
    ("noise", PER_CELL): SHIPPED,
}
LEAST_MISSED = 0.05  # per thousand; the axis is logarithmic


def write_think_plot(path: Path, results: ThinkResults) -> None:
    """Write the plot."""
    figure = matplotlib.figure.Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    sweep, situations, noise = figure.subplots(1, 3, width_ratios=(1, 1.2, 1))
    _sweep(sweep, results)
    _situations(situations, results)
    _noise(noise, results)
    figure.savefig(path, dpi=80)


def _sweep(axis: Any, results: ThinkResults) -> None:
    for key, by_threshold in results.sweep.items():
        colour = COLOURS[SWEEP_NAMES[key]]
        reused = [100 * one.reused for one in by_threshold.values()]
        missed = [max(LEAST_MISSED, 1e3 * one.missed) for one in by_threshold.values()]
        axis.plot(reused, missed, ".-", color=colour, label=SWEEP_NAMES[key])
        chosen = list(by_threshold).index(THRESHOLDS[key[0]])
        axis.plot(reused[chosen], missed[chosen], "o", color=colour, markersize=9, fillstyle="none")
    axis.set_yscale("log")
    axis.set_xlabel("cells reused, %")
    axis.set_ylabel("missed changes, per 1000 cells")
    axis.set_title("every threshold (ring: the default), all videos")
    axis.legend()
    axis.grid(alpha=0.3)


def _situations(axis: Any, results: ThinkResults) -> None:
    names = list(results.by_situation(SHIPPED))
    width = 0.8 / len(COLOURS)
    for index, (contestant, colour) in enumerate(COLOURS.items()):
        missed = [max(LEAST_MISSED, 1e3 * one.missed) for one in results.by_situation(contestant).values()]
        places = [place + (index - 1.5) * width for place in range(len(names))]
        axis.bar(places, missed, width, color=colour, label=contestant)
    axis.set_yscale("log")
    axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axis.set_ylabel("missed changes, per 1000 cells")
    axis.set_title("by situation")
    axis.grid(alpha=0.3, axis="y")


def _noise(axis: Any, results: ThinkResults) -> None:
    for contestant, by_situation in results.noise.items():
        for situation, by_deviation in by_situation.items():
            style = "--" if situation == "dark" else "-"
            share = [100 * value for value in by_deviation.values()]
            name = f"{COSINE} {THRESHOLDS[COSINE]}" if contestant == "reference" else contestant
            label = f"{name}, {situation}"
            axis.plot(list(by_deviation), share, style, marker=".", color=COLOURS[contestant], label=label)
    axis.set_xlabel("deviation of the sensor's noise, grey levels")
    axis.set_ylabel("cells reused, %")
    axis.set_title("nothing moves: all could be reused")
    axis.legend()
    axis.grid(alpha=0.3)
