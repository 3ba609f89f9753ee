# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 think-eval`: how well change detection finds which depth codes may be used again."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from molmoact2_ros.evaluation.depth_reuse.bench import ThinkResults

PLOT, REPORT = "think.png", "think_eval.json"
ROBOTS = ("droid", "yam", "so101")
FEWEST_FRAMES, HIGHEST_QUALITY = 4, 95
# One pass through the language model of the released checkpoints reads 7.3 GB of bfloat16: at 4.3 TB/s (H200).
CODE_MS = 1.7
DESCRIPTION = """\
Play simulator video of each robot's first camera, of which the true depth is known, to perception's change detection,
and count which cells of the depth grid keep their code and which of them should not have.
"""
EPILOG = """\
contestants
  reference          cosine below 0.996 against the previous frame, as the reference implementation
  cosine, per cell   the same against the frame that the cell's code was decoded from
  noise, previous    largest difference of 4 x 4 px means above 6 deviations of the sensor's noise, previous frame
  noise, per cell    the same per cell: perception's default

figures
  reused     part of the cells that keep their code, after the first frame
  missed     cells that keep it though their true mean depth has moved by more than one of 128 levels since it was
             decoded, per 1000 cells
  saved      milliseconds per inference when codes are decoded one by one: reused cells x --code-ms

examples
  molmoact2 think-eval                               about a minute on one core
  molmoact2 think-eval --robots droid --frames 30    some seconds
  molmoact2 think-eval --noise 4                     a worse camera
  molmoact2 think-eval --jpeg 80                     a camera that compresses
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "think-eval",
        help="evaluate which depth codes perception lets the policy use again",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("runs/think"), metavar="DIR",
                        help=f"folder for {PLOT} and {REPORT} (default: %(default)s)")  # fmt: skip
    parser.add_argument("--robots", nargs="+", choices=ROBOTS, default=list(ROBOTS), metavar="NAME",
                        help=f"of {', '.join(ROBOTS)} (default: all)")  # fmt: skip
    parser.add_argument("--frames", type=int, default=60, metavar="N",
                        help="of each video, at 15 Hz (default: %(default)s)")  # fmt: skip
    parser.add_argument("--grid", type=int, default=10, metavar="G", help="cells along a side (default: %(default)s)")
    parser.add_argument("--noise", type=float, default=2.0, metavar="LEVELS",
                        help="deviation of the sensor's noise, of 255 (default: %(default)s)")  # fmt: skip
    parser.add_argument("--jpeg", type=int, default=0, metavar="QUALITY",
                        help="compress the images, 1 to 95; 0: raw images (default: %(default)s)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of the noise (default: %(default)s)")
    parser.add_argument("--code-ms", type=float, default=CODE_MS, metavar="MS",
                        help="time to decode one code (default: %(default)s, the least of an H200)")  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print tables and JSON, write the plot."""
    for name, value, least in (
        ("frames", args.frames, FEWEST_FRAMES),
        ("grid", args.grid, 1),
        ("noise", args.noise, 0),
    ):
        if value < least:
            raise ValueError(f"--{name}: expected at least {least}, got {value}")
    if not 0 <= args.jpeg <= HIGHEST_QUALITY:
        raise ValueError(f"--jpeg: expected 0 to {HIGHEST_QUALITY}, got {args.jpeg}")

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from molmoact2_ros.evaluation.depth_reuse.bench import ThinkBench
    from molmoact2_ros.evaluation.depth_reuse.plot import write_think_plot

    bench = ThinkBench(
        list(dict.fromkeys(args.robots)),
        args.frames,
        grid=args.grid,
        noise=args.noise,
        jpeg_quality=args.jpeg,
        seed=args.seed,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("videos", total=bench.steps)
        results = bench.run(lambda: progress.advance(task))
    report = _report(results, args)
    args.out.mkdir(parents=True, exist_ok=True)
    write_think_plot(args.out / PLOT, results)
    (args.out / REPORT).write_text(json.dumps(report, indent=1) + "\n")
    _print_tables(results, args)
    print(f"wrote {args.out / PLOT}")
    print(json.dumps(report))
    return 0


def _report(results: ThinkResults, args: argparse.Namespace) -> dict[str, object]:
    def rounded(figures: object) -> dict[str, float]:
        return {key: round(value, 5) for key, value in asdict(figures).items()}  # type: ignore[call-overload]

    return {
        "overall": {
            name: rounded(results.overall(name))
            | {"saved_ms": round(results.overall(name).reused * args.grid**2 * args.code_ms, 1)}
            for name in results.videos
        },
        "videos": {
            name: {robot: {situation: rounded(one) for situation, one in row.items()} for robot, row in robots.items()}
            for name, robots in results.videos.items()
        },
        "sweep": {
            f"{statistic}, {reference}": {str(threshold): rounded(one) for threshold, one in row.items()}
            for (statistic, reference), row in results.sweep.items()
        },
        "noise": {
            name: {
                situation: {str(deviation): round(value, 4) for deviation, value in row.items()}
                for situation, row in rows.items()
            }
            for name, rows in results.noise.items()
        },
        "frames": args.frames,
        "grid": args.grid,
        "noise_levels": args.noise,
        "jpeg_quality": args.jpeg,
        "seed": args.seed,
        "code_ms": args.code_ms,
    }


def _print_tables(results: ThinkResults, args: argparse.Namespace) -> None:
    from rich.console import Console

    console = Console()
    console.width = max(console.width, 110)
    console.print(_situation_table(results, args))
    console.print(_noise_table(results))


def _situation_table(results: ThinkResults, args: argparse.Namespace) -> Table:
    from rich import box
    from rich.table import Table

    title = "cells reused, % | missed changes, per 1000 cells; mean over robots"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("situation")
    for name in results.videos:
        table.add_column(name, justify="right")
    rows = {name: results.by_situation(name) for name in results.videos}
    for situation in next(iter(rows.values())):
        figures = [row[situation] for row in rows.values()]
        table.add_row(situation, *(f"{100 * one.reused:.0f} | {1e3 * one.missed:.1f}" for one in figures))
    overall = [results.overall(name) for name in results.videos]
    table.add_section()
    table.add_row("all", *(f"{100 * one.reused:.0f} | {1e3 * one.missed:.1f}" for one in overall), style="bold")
    table.add_row("needless, %", *(f"{100 * one.needless:.0f}" for one in overall))
    table.add_row("worst, levels", *(f"{one.worst_levels:.0f}" for one in overall))
    table.add_row("saved, ms", *(f"{one.reused * args.grid**2 * args.code_ms:.0f}" for one in overall))
    return table


def _noise_table(results: ThinkResults) -> Table:
    from rich import box
    from rich.table import Table

    title = "nothing moves: cells reused, %, by deviation of the noise in grey levels"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("contestant, situation")
    rows = {f"{name}, {key}": row for name, by_key in results.noise.items() for key, row in by_key.items()}
    for deviation in next(iter(rows.values())):
        table.add_column(f"{deviation:g}", justify="right")
    for name, row in rows.items():
        table.add_row(name, *(f"{100 * value:.0f}" for value in row.values()))
    return table
