# SPDX-License-Identifier: Apache-2.0
"""What processes hold while they run: memory, threads, open files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.figure
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

KIB_PER_MIB = 1024.0
S_PER_MIN = 60.0


@dataclass(frozen=True)
class Sample:
    """One process at one time, seconds since the run began; `rss_mib` is its resident memory."""

    at_s: float
    rss_mib: float
    threads: int
    files: int

    @classmethod
    def take(cls, pid: int, at_s: float, proc: Path = Path("/proc")) -> Sample | None:
        """Look at a process; None when it has ended."""
        try:
            lines = (proc / str(pid) / "status").read_text().splitlines()
            status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
            files = sum(1 for _ in (proc / str(pid) / "fd").iterdir())
            return cls(at_s, float(status["VmRSS"][0]) / KIB_PER_MIB, int(status["Threads"][0]), files)
        except (OSError, KeyError):
            return None


def growth(samples: Sequence[Sample], warm_up_s: float) -> dict[str, float | int | None]:
    """Return first and last figures after a warm-up, and the slope of memory in MiB per minute; None of too few."""
    later = [sample for sample in samples if sample.at_s >= warm_up_s]
    if len(later) < 2:
        return {"rss_first_mib": None, "rss_last_mib": None, "rss_slope_mib_per_min": None}
    times_min = np.array([sample.at_s for sample in later]) / S_PER_MIN
    slope = float(np.polyfit(times_min, [sample.rss_mib for sample in later], 1)[0])
    first, last = later[0], later[-1]
    return {
        "rss_first_mib": round(first.rss_mib, 1),
        "rss_last_mib": round(last.rss_mib, 1),
        "rss_slope_mib_per_min": round(slope, 3),
        "threads_first": first.threads,
        "threads_last": last.threads,
        "files_first": first.files,
        "files_last": last.files,
    }


def write_csv(path: Path, samples: Mapping[str, Sequence[Sample]]) -> None:
    """Write every sample of every node, one row each."""
    rows = ["node,at_s,rss_mib,threads,files"]
    for node, taken in samples.items():
        rows += [f"{node},{each.at_s:.1f},{each.rss_mib:.2f},{each.threads},{each.files}" for each in taken]
    path.write_text("\n".join(rows) + "\n")


def write_plot(path: Path, samples: Mapping[str, Sequence[Sample]]) -> None:
    """Plot each node's memory beyond what it had at first."""
    figure = matplotlib.figure.Figure(figsize=(9, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for node, taken in samples.items():
        if taken:
            axis.plot(
                [each.at_s / 60.0 for each in taken], [each.rss_mib - taken[0].rss_mib for each in taken], label=node
            )
    axis.set(title="memory since the arm was armed", xlabel="min", ylabel="MiB")
    if axis.lines:
        axis.legend(fontsize="x-small")
    figure.savefig(path, dpi=80)
