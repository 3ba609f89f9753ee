# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 faults`: inject faults into the simulated graph and prove that each stops the arm."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from molmoact2_ros.cli import ros_environment

if TYPE_CHECKING:
    from molmoact2_ros.embodiment import Embodiment
    from molmoact2_ros.nodes.graph import NodeSpec

    from .fault import Fault

TABLE_COLUMNS = 150
INSTRUCTION = "move gently around the table"

DESCRIPTION = """\
Bring up the simulated graph of a robot (six processes, real ROS topics), let the policy move the arm, inject one fault
at a time, and measure: the cause that is told, the time to the last command and to standstill, the largest acceleration
on the way, and whether anything moves afterwards. Between faults the graph is repaired, reset and armed again.
"""
EPILOG = """\
examples:
  molmoact2 faults                               every fault of DROID, about ten minutes
  molmoact2 faults --list                        what there is, with causes and budgets; nothing is started
  molmoact2 faults --embodiment so101 --only estop --only camera_dead
  molmoact2 faults --only safety_killed --repeat 20

The last line of output is JSON. Exit status 1 if any fault missed its cause or its budget, or if anything moved
afterwards.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "faults",
        help="inject faults in simulation and prove that each stops the arm",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--embodiment", default="droid", help="robot (default: %(default)s)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="inject this fault; may be repeated"
    )
    parser.add_argument("--repeat", type=_count, default=1, help="times that each is injected (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for logs and plots (default: a new one in runs/)"
    )
    parser.add_argument("--list", action="store_true", help="list the faults with causes and budgets, and end")
    ros_environment.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Inject the chosen faults; return the exit status."""
    from molmoact2_ros.embodiment import Embodiment

    from .catalogue import catalogue, choose

    robot = Embodiment.load(args.embodiment)
    chosen = choose(catalogue(robot), args.only)
    if args.list:
        _list(chosen)
        return 0
    folder = args.out or Path("runs") / f"faults-{robot.name}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"the folder {folder} is not empty; give another --out")
    folder.mkdir(parents=True, exist_ok=True)
    ros_environment.enter(args)
    return _inject(args, robot, chosen, folder)


def _inject(args: argparse.Namespace, robot: Embodiment, chosen: list[Fault], folder: Path) -> int:
    from rich.console import Console

    from molmoact2_ros.cli.graph_arguments import graph_from_args
    from molmoact2_ros.cli.up import say_event

    from .campaign import Campaign
    from .outcome import conclude
    from .report import table

    say_event("molmoact2", f"{robot.title}, ROS domain {args.domain_id}, {len(chosen)} faults, report in {folder}")
    campaign, started_s, problem = Campaign(robot, folder, say_event, repeat=args.repeat), time.monotonic(), ""

    def make_nodes(sim_time: bool) -> list[NodeSpec]:
        arguments = {"sim": "true", "instruction": INSTRUCTION, "use_sim_time": str(sim_time).lower()}
        return graph_from_args(args.embodiment, args, **arguments, only="")  # ours is of faults, not of nodes

    try:
        campaign.run(chosen, make_nodes)
    except ValueError as error:
        problem = str(error)
    console = Console()
    # Where nobody looks, a table need not fit a terminal.
    console = console if console.is_terminal else Console(width=TABLE_COLUMNS)
    console.print(table(campaign.entries))
    say_event("molmoact2", f"{len(campaign.entries)} of {len(chosen)} faults in {time.monotonic() - started_s:.0f} s")
    report, status = conclude(robot.name, campaign.entries, problem)
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    if problem:
        print(f"error: {problem}", file=sys.stderr)
    print(json.dumps(report), flush=True)
    return status


def _list(faults: list[Fault]) -> None:
    for fault in faults:
        print(f"{fault.name}: {fault.does}")
        budget = f", stands within {fault.budget_s * 1e3:.0f} ms" if not fault.carries_on else ""
        print(f"    expected: {fault.expectation}{budget}")
        for part in (*fault.notice, *fault.brake):
            print(f"    {part.seconds * 1e3:6.0f} ms  {part.reason}")


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a count from 1, got {text!r}")
    return int(text)
