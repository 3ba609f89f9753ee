# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 seams`: how visible the seams between chunks are, mode by mode, against the baselines."""

from __future__ import annotations

import argparse
import json
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

    from molmoact2_ros.evaluation.chunk_seams.bench import Results
    from molmoact2_ros.evaluation.chunk_seams.metrics import SeamMetrics

BLEND_S = 0.85  # as shipped, which a test holds: importing the room loads Ruckig
DELAYS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 14)
MODEL_DELAYS = (1, 2, 4)
PLOT = "seams.png"
TABLE_WIDTH = 100  # a narrower terminal, or a file, gets whole figures all the same

DESCRIPTION = """\
Let every mode of the interpolator execute chunks that disagree, and measure what shows where one replaces another.
Exit status 1 if a mode misses the goal. The last line of output is JSON: modes, baselines, ok and more.
"""
EPILOG = """\
the chunks (fixed, seeded)
  30 Hz, 30 rows, 6 joints, a new one every 8 ticks. Each is two sinusoids (0.4 rad at 0.25 Hz, 0.1 rad at 1 Hz) seen
  from its observation on, plus an offset of its own (sigma 0.03 rad). Every fifth turns, along a minimum-jerk blend of
  0.5 s, to another mode: the same motion half a period later.

methods compared
  none, lerobot, act     the newest chunk's row; 0.3 of the old action and 0.7 of the new; temporal ensembling
  *_smoothed             those behind a third-order low-pass filter, as strong as the goal for jerk asks
  receding, ensemble     the interpolator as it is shipped (seam:=correction, blend_s:=%(blend)s), with that mode
  fade                   the interpolator with mode:=receding, seam:=fade, blend_s:=0.3
  rtc                    the same as receding, for chunks that a guided flow would have sent. There is no network: the
                         flow is the exact one to the sampled chunk, under the guidance code of the network's flow

what is measured, and the goal for modes at delays up to 8 ticks
  jump ratio             mean step at seams by mean step elsewhere; at most 1.05
  seam jerk ratio        RMS jerk within 2 ticks of a seam by that inside the raw chunks; at most 1.2
  lag                    RMS distance from chunks that all agree; at most 0.02 rad, 4 %% of the motion
  following              RMS distance from the newest chunk. `closest` is what a path with the goal's jerk needs at
                         least, even if it knew all chunks beforehand; `causal` that of the best tracker as smooth
                         that knows the newest chunk alone. At most that of lerobot and act where `causal` is, else at
                         most 1.25 times `causal`. Why: doc/seams.md
  velocity jump, jerk, log dimensionless jerk (higher is smoother), starvation, age of the observation

then a network: DROID at 15 Hz, a chunk every 4 rows, with and without guidance (no verdict)

examples
  molmoact2 seams                                        about a minute on one core
  molmoact2 seams --chunks 20 --delays 0 4 8 --no-model  a few seconds
  molmoact2 seams --blend 0.3 --out runs/brisk           what a shorter blend costs
"""
HEADINGS = {
    "jump_ratio": ("jump ratio", "{:.2f}"),
    "velocity_jump_rad_s": ("velocity jump, rad/s", "{:.2f}"),
    "seam_jerk_ratio": ("seam jerk ratio", "{:.1f}"),
    "jerk_rms_rad_s3": ("jerk RMS, rad/s3", "{:.0f}"),
    "ldlj": ("log dimensionless jerk", "{:.1f}"),
    "following_rad": ("following error RMS, rad", "{:.3f}"),
    "starvation": ("starvation, part of ticks", "{:.2f}"),
    "age_p99_s": ("observation age p99, s", "{:.2f}"),
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "seams",
        help="measure the seams between action chunks",
        description=DESCRIPTION,
        epilog=EPILOG % {"blend": BLEND_S},
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("runs/seams"), metavar="DIR",
                        help=f"folder for {PLOT} and seams.json (default: %(default)s)")  # fmt: skip
    parser.add_argument("--chunks", type=int, default=200, metavar="N", help="in each run (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of chunks and noise (default: %(default)s)")
    parser.add_argument("--delays", type=int, nargs="+", default=list(DELAYS), metavar="TICKS",
                        help=f"between observation and arrival (default: {' '.join(map(str, DELAYS))})")  # fmt: skip
    parser.add_argument("--blend", type=float, default=BLEND_S, metavar="S", dest="blend_s",
                        help="blend_s of the modes (default: %(default)s)")  # fmt: skip
    parser.add_argument("--checkpoint", type=Path, metavar="DIR",
                        help="of a network that knows DROID, in the released layout (default: the demo's)")  # fmt: skip
    parser.add_argument("--no-model", action="store_true", help="leave the network out")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print tables and JSON, write the plot; return 0 if the goal is met, else 1."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from molmoact2_ros.evaluation.chunk_seams.bench import SeamBench
    from molmoact2_ros.evaluation.chunk_seams.plot import write_seam_plot
    from molmoact2_ros.policy.device import limit_cpu_threads

    limit_cpu_threads(1)
    delays = sorted(set(args.delays))
    bench = SeamBench(args.chunks, args.seed, args.blend_s)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("runs", total=bench.steps(delays))
        results = bench.run(delays, lambda: progress.advance(task))
        model = {} if args.no_model else _run_model(args, progress)
    failures = results.failures()
    report = _report(results, model, args, failures)
    args.out.mkdir(parents=True, exist_ok=True)
    write_seam_plot(args.out / PLOT, results)
    (args.out / "seams.json").write_text(json.dumps(report, indent=1) + "\n")
    _print_tables(results, model)
    for failure in failures:
        print(f"missed: {failure}")
    print(f"wrote {args.out / PLOT}")
    print(json.dumps(report))
    return 1 if failures else 0


def _run_model(args: argparse.Namespace, progress: Progress) -> dict[int, dict[str, dict[str, float]]]:
    from molmoact2_ros.embodiment import Embodiment
    from molmoact2_ros.evaluation.chunk_seams.network import ModelSeams
    from molmoact2_ros.policy.checkpoint_choice import demo_checkpoint

    checkpoint = args.checkpoint or demo_checkpoint(Embodiment.load("droid"))
    model = ModelSeams(checkpoint, max(10, args.chunks // 5), args.seed, args.blend_s)
    found = {}
    for delay in progress.track(MODEL_DELAYS, description="network"):
        found[delay] = model.figures(delay)
    return found


def _report(
    results: Results, model: dict[int, dict[str, dict[str, float]]], args: argparse.Namespace, failures: list[str]
) -> dict[str, object]:
    from dataclasses import asdict

    def figures(name: str, delay: int, metrics: SeamMetrics) -> dict[str, float]:
        lag_rad = results.lag_rad.get(name, {}).get(delay)
        values = asdict(metrics) | ({} if lag_rad is None else {"lag_rad": lag_rad})
        return {key: round(value, 5) for key, value in values.items()}

    def group(entries: dict[str, dict[int, SeamMetrics]]) -> dict[str, dict[str, dict[str, float]]]:
        return {
            name: {str(delay): figures(name, delay, metrics) for delay, metrics in by_delay.items()}
            for name, by_delay in entries.items()
        }

    return {
        "modes": group(results.modes),
        "baselines": group(results.baselines),
        "closest_rad": {str(delay): round(value, 5) for delay, value in results.closest_rad.items()},
        "causal_rad": {str(delay): round(value, 5) for delay, value in results.causal_rad.items()},
        "raw_jerk_rad_s3": round(results.raw_jerk_rad_s3, 3),
        "model": {
            str(delay): {name: {key: round(value, 5) for key, value in row.items()} for name, row in rows.items()}
            for delay, rows in model.items()
        },
        "chunks": args.chunks,
        "seed": args.seed,
        "blend_s": args.blend_s,
        "failures": failures,
        "ok": not failures,
    }


def _print_tables(results: Results, model: dict[int, dict[str, dict[str, float]]]) -> None:
    from rich.console import Console

    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    contestants = {**results.baselines, **results.modes}
    for key, (heading, form) in HEADINGS.items():
        rows = {
            name: {delay: form.format(getattr(figures, key)) for delay, figures in by_delay.items()}
            for name, by_delay in contestants.items()
        }
        if key == "following_rad":
            for name, bound in (("closest", results.closest_rad), ("causal", results.causal_rad)):
                rows[name] = {delay: form.format(value) for delay, value in bound.items()}
        console.print(_table(heading, rows, bold=results.modes))
    lags = {
        name: {delay: f"{value:.3f}" for delay, value in by_delay.items()} for name, by_delay in results.lag_rad.items()
    }
    console.print(_table("lag, rad", lags, bold=results.modes))
    if model:
        console.print(_model_table(model))


def _table(heading: str, rows: dict[str, dict[int, str]], bold: Container[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("delay, ticks", no_wrap=True)
    for delay in next(iter(rows.values())):
        table.add_column(str(delay), justify="right", no_wrap=True)
    for name, by_delay in rows.items():
        table.add_row(name, *by_delay.values(), style="bold" if name in bold else None)
    return table


def _model_table(model: dict[int, dict[str, dict[str, float]]]) -> Table:
    from rich.table import Table

    keys = ("prefix_rad", "jump_ratio", "velocity_jump_rad_s", "seam_jerk_ratio", "following_rad")
    table = Table(title="network", title_justify="left")
    for heading in ("delay, rows", "chunks", *(key.replace("_", " ") for key in keys)):
        table.add_column(heading, justify="right")
    for delay, rows in model.items():
        for name, figures in rows.items():
            table.add_row(str(delay), name, *(f"{figures[key]:.3f}" for key in keys))
    return table
