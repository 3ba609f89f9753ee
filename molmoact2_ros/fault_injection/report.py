# SPDX-License-Identifier: Apache-2.0
"""What faults leave behind: a table, and a plot of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from rich.table import Table

from molmoact2_ros.embodiment import Embodiment

from .fault import Fault
from .outcome import Outcome
from .recording import Recording

BEFORE_S = 0.5
COLUMNS = ("fault", "cause", "last command", "standstill", "budget", "acceleration", "moved after", "")


def table(entries: Sequence[dict[str, Any]]) -> Table:
    """Return one row per fault."""
    shown = Table(*COLUMNS)
    for entry in entries:
        if "skipped" in entry:
            shown.add_row(entry["name"], "-", "-", "-", "-", "-", "-", f"skipped: {entry['skipped']}")
            continue
        shown.add_row(
            entry["name"],
            entry["cause"],
            *(_ms(entry[key]) for key in ("last_command_ms", "standstill_ms", "budget_ms")),
            f"{entry['max_acceleration_ratio']:.2f} of limit",
            "yes" if entry["moved_after_stop"] else "no",
            "ok" if entry["ok"] else "; ".join(dict.fromkeys(entry["misses"])),
        )
    return shown


def line(outcome: Outcome) -> str:
    """Return one injection in one line."""
    measured = outcome.measurement
    seconds = (measured.last_command_s, measured.standstill_s)
    last, stands = (_ms(None if each is None else round(each * 1e3)) for each in seconds)
    verdict = "ok" if outcome.ok else "MISS: " + "; ".join(outcome.misses)
    if outcome.carried_on:
        return f"{outcome.cause}, acceleration {measured.acceleration_ratio:.2f} of limit: {verdict}"
    return (
        f"{outcome.cause}, last command {last}, standstill {stands} of {outcome.fault.budget_s * 1e3:.0f} ms, "
        f"acceleration {measured.acceleration_ratio:.2f} of limit: {verdict}"
    )


def write_plot(path: Path, fault: Fault, recording: Recording, begun_s: float, robot: Embodiment) -> None:
    """Plot the speed of each arm joint and the commands, about the fault."""
    times = recording.times_s() - begun_s
    shown = times > -BEFORE_S
    velocities = np.array(recording.velocities)[shown] if len(times) else np.zeros((0, len(robot.joints)))
    figure = matplotlib.figure.Figure(figsize=(9, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for joint in np.flatnonzero(~robot.is_gripper):
        axis.plot(times[shown], velocities[:, joint], linewidth=1, label=robot.joint_names[joint])
    commands = [at - begun_s for at, _ in recording.commands if at - begun_s > -BEFORE_S]
    axis.plot(commands, np.zeros(len(commands)), "k|", label="commands")
    axis.axvline(0.0, color="C3")
    axis.axvline(fault.budget_s, color="C3", linestyle=":")
    axis.set(title=f"{fault.name}: {fault.does}", xlabel="s since the fault (dotted: budget)", ylabel="rad/s")
    axis.legend(fontsize="x-small", ncols=2)
    figure.savefig(path, dpi=80)


def _ms(value: int | None) -> str:
    return "-" if value is None else f"{value} ms"
