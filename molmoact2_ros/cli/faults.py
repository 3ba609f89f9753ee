# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 faults`: inject faults into the simulated graph and prove that each stops the arm."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molmoact2_ros.bringup import ros_environment

if TYPE_CHECKING:
    from molmoact2_ros.bringup.graph import NodeSpec
    from molmoact2_ros.fault_injection.fault import Fault, Variant
    from molmoact2_ros.fault_injection.profiles import Target
    from molmoact2_ros.safety import Settings

TABLE_COLUMNS = 150
INSTRUCTION = "move gently around the table"

DESCRIPTION = """\
Bring up the simulated graph of a robot (one process per node, real ROS topics), let the policy move the arm, inject
one fault at a time, and measure: the reported cause, the time to the last command and to standstill, the largest
acceleration on the way, and whether anything moves afterwards. Between faults the graph is repaired, reset and armed
again.
"""
EPILOG = """\
examples:
  molmoact2 faults                               every fault of DROID, about fifteen minutes
  molmoact2 faults --list                        what there is, with causes and budgets; nothing is started
  molmoact2 faults --embodiment so101 --driver so101_forward --only bridge_hung --only bridge_starved
  molmoact2 faults --embodiment all --driver all every robot, by every driver profile that can run here
  molmoact2 faults --only safety_killed --repeat 20

The last line of output is JSON: one report, or one for each driver profile under `runs`. Exit status 1 if any fault
missed its cause or its budget, if anything moved afterwards, if safety's log does not hold the stop, or if the arm
could not be moved again.
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
    parser.add_argument(
        "--embodiment",
        action="append",
        metavar="ROBOT",
        help="robot: droid, yam, so101, the path of an embodiment file, or all; may be repeated (default: droid)",
    )
    parser.add_argument(
        "--driver",
        action="append",
        default=[],
        metavar="PROFILE",
        help="driver profile of the robot, or all that common_interfaces suffices for; may be repeated (default: the "
        "first of these)",
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="inject this fault; may be repeated"
    )
    parser.add_argument("--repeat", type=_count, default=1, help="times that each is injected (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for logs and plots (default: a new one in runs/)"
    )
    parser.add_argument(
        "--safety-file",
        default="",
        metavar="FILE",
        help="thresholds of safety, and of budgets (default: the shipped ones)",
    )
    parser.add_argument(
        "--camera-rate",
        default="",
        metavar="HZ",
        help="images a second of each simulated camera (default: the scene's)",
    )
    parser.add_argument("--list", action="store_true", help="list the faults with causes and budgets, and end")
    ros_environment.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Inject the chosen faults; return the exit status."""
    from molmoact2_ros.fault_injection.profiles import targets

    chosen = [(target, faults) for target, faults in _chosen(targets(args.embodiment or ["droid"], args.driver), args)]
    if args.list:
        for target, faults in chosen:
            _list(target, faults)
        return 0
    name = "-".join(dict.fromkeys(target.robot.name for target, _ in chosen))
    folder = args.out or Path("runs") / f"faults-{name}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"the folder {folder} is not empty; give another --out")
    folder.mkdir(parents=True, exist_ok=True)
    ros_environment.enter(args)
    return _inject_all(args, chosen, folder)


def _chosen(targets: list[Target], args: argparse.Namespace) -> list[tuple[Target, list[Fault]]]:
    """Return the named faults of each target that has any; raise ValueError for a name that none has."""
    from molmoact2_ros.fault_injection.catalogue import catalogue, choose

    settings = _settings(args.safety_file)
    lists = [catalogue(target.robot, target.driver, settings) for target in targets]
    choose(list({fault.name: fault for faults in lists for fault in faults}.values()), args.only)
    named = [[fault for fault in faults if not args.only or fault.name in args.only] for faults in lists]
    return [(target, faults) for target, faults in zip(targets, named, strict=True) if faults]


def _settings(safety_file: str) -> Settings:
    """Return the thresholds that budgets are made of: the defaults, but for those of a file."""
    from molmoact2_ros.bringup.safety_file import load_safety_file
    from molmoact2_ros.safety import Settings

    given: dict[str, Any] = load_safety_file(safety_file) if safety_file else {}
    return Settings(**{field.name: given[field.name] for field in fields(Settings) if field.name in given})


def _inject_all(args: argparse.Namespace, chosen: list[tuple[Target, list[Fault]]], folder: Path) -> int:
    from molmoact2_ros.fault_injection.outcome import combine
    from molmoact2_ros.operation.event_log import say_event

    started_s, reports = time.monotonic(), []
    for target, faults in chosen:
        place = folder if len(chosen) == 1 else folder / f"{target.robot.name}-{target.driver.name}"
        reports.append(_inject(args, target, faults, place))
    if len(chosen) > 1:
        say_event("molmoact2", f"{len(chosen)} driver profiles in {time.monotonic() - started_s:.0f} s")
    report = combine(reports)
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report), flush=True)
    return int(not report["ok"])


def _inject(args: argparse.Namespace, target: Target, faults: list[Fault], folder: Path) -> dict[str, Any]:
    from rich.console import Console

    from molmoact2_ros.cli.graph_arguments import graph_from_args
    from molmoact2_ros.fault_injection.campaign import Campaign
    from molmoact2_ros.fault_injection.fault import Variant
    from molmoact2_ros.fault_injection.outcome import conclude
    from molmoact2_ros.fault_injection.report import table
    from molmoact2_ros.operation.event_log import say_event

    robot, driver = target.robot, target.driver.name
    where = f"ROS domain {args.domain_id}, {len(faults)} faults, report in {folder}"
    say_event("molmoact2", f"{robot.title}, driver profile {driver}, {where}")
    campaign, started_s, problem = Campaign(robot, folder, say_event, repeat=args.repeat), time.monotonic(), ""

    def make_nodes(variant: Variant) -> list[NodeSpec]:
        sim_time = str(variant is Variant.SIM_TIME).lower()
        arguments = {"sim": "true", "instruction": INSTRUCTION, "use_sim_time": sim_time, "driver": driver}
        return graph_from_args(target.embodiment, args, **arguments, only="")  # ours is of faults, not of nodes

    try:
        campaign.run(faults, make_nodes)
    except ValueError as error:
        problem = str(error)
        print(f"error: {problem}", file=sys.stderr)
    console = Console()
    # Where the output is no terminal, a table need not fit one.
    console = console if console.is_terminal else Console(width=TABLE_COLUMNS)
    console.print(table(campaign.entries))
    say_event("molmoact2", f"{len(campaign.entries)} of {len(faults)} faults in {time.monotonic() - started_s:.0f} s")
    return conclude(robot.name, driver, campaign.entries, problem)


def _list(target: Target, faults: list[Fault]) -> None:
    print(f"# {target.label}")
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
