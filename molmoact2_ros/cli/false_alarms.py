# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 false-alarms`: how often safety stops a robot with which nothing is wrong."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from molmoact2_ros.evaluation.false_stops.nominal_robot import CleanWorld

STEP_S = 10.0  # between looks

EPILOG = """\
example, an hour of two robots (some minutes each):
  molmoact2 false-alarms droid droid --minutes 60

The last line is JSON: commands, refusals and the first stop, robot by robot. Exit status 1 if there was a refusal.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "false-alarms",
        help="count the false alarms of a clean hour",
        description="Run interpolation and safety, the real code, in one process on a clock of its own: a robot swings "
        "about its home pose, its encoders are noisy, its computer is busy, and nothing is wrong. Whatever safety "
        "refuses is a false alarm. Needs no ROS.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "embodiments", nargs="+", metavar="ROBOT", help="name of a shipped robot, or an embodiment file"
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="of robot time, each (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of motion and noise (default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run every robot; return 1 if anything was refused."""
    if args.minutes <= 0:
        raise ValueError(f"--minutes: expected a positive number, got {args.minutes}")
    from molmoact2_ros.embodiment import Embodiment
    from molmoact2_ros.evaluation.false_stops.nominal_robot import CleanWorld

    results = []
    for index, name in enumerate(args.embodiments):
        world = CleanWorld(Embodiment.load(name), args.seed + index)
        results.append({"embodiment": name, "seed": args.seed + index, **_drive(world, name, args.minutes * 60.0)})
    print(json.dumps(results))
    return int(any(result["refused"] for result in results) or any(result["stop"] for result in results))


def _drive(world: CleanWorld, name: str, seconds: float) -> dict[str, object]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f} s"))
    begun_s, passed_s = time.monotonic(), 0.0
    world.arm()
    with Progress(*columns, TimeRemainingColumn()) as progress:
        task = progress.add_task(name, total=seconds)
        while passed_s < seconds and world.is_armed:
            world.run(min(STEP_S, seconds - passed_s))
            passed_s = min(passed_s + STEP_S, seconds)
            progress.update(task, completed=passed_s)
    snapshot = world.snapshot
    refusal, stop = snapshot.last_refusal, snapshot.stop
    return {
        "robot_seconds": round(passed_s, 1),
        "wall_seconds": round(time.monotonic() - begun_s, 1),
        "commands": snapshot.passed_sequence,
        "refused": snapshot.refused,
        "last_refusal": refusal.text if refusal else "",
        "stop": stop.text if stop else "",
        "largest_swing": round(float(world.swing.max()), 3),
    }
