# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 soak`: run a simulated graph for long while tools join and leave, and see what grows or stops."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path

from molmoact2_ros.bringup import ros_environment

INSTRUCTION = "move gently around the table"

EPILOG = """\
examples:
  molmoact2 soak                                         half an hour of DROID
  molmoact2 soak --embodiment so101 --driver so101_forward --minutes 10
  molmoact2 soak --minutes 5 --busy 2                    next to two busy loops

The last line of output is JSON: commands, refusals, stops with their sentences, memory, threads and open files of each
node. Exit status 1 if anything stopped, ended or grew; with --busy a stop passes whose cause or sentence names the load
of the computer.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "soak",
        help="run a simulated robot for long while tools join and leave",
        description="Bring up the simulated graph of a robot, arm it, let the policy move it, let readers of its "
        "topics join and leave, sample memory, threads and open files of each node, and record every stop; after a "
        "stop it is reset and armed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--embodiment", default="droid", help="robot (default: %(default)s)")
    parser.add_argument("--driver", default="", metavar="PROFILE", help="driver profile (default: the first that runs)")
    parser.add_argument("--minutes", type=_positive, default=30.0, help="of motion (default: %(default)s)")
    parser.add_argument(
        "--readers", type=_not_negative, default=10.0, metavar="N", help="that join a minute (default: %(default)s)"
    )
    parser.add_argument(
        "--busy", type=_count, default=0, metavar="N", help="busy loops at normal priority (default: 0)"
    )
    parser.add_argument(
        "--camera-rate",
        default="",
        metavar="HZ",
        help="images a second of each simulated camera (default: the scene's)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for logs and figures (default: new, in runs/)")
    ros_environment.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run; return the exit status."""
    from molmoact2_ros.cli.graph_arguments import graph_from_args
    from molmoact2_ros.fault_injection.profiles import targets
    from molmoact2_ros.fault_injection.soak.figures import write_plot
    from molmoact2_ros.operation.event_log import say_event

    [target] = targets([args.embodiment], [args.driver] if args.driver else [])
    robot, driver = target.robot, target.driver.name
    folder = args.out or Path("runs") / f"soak-{robot.name}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"the folder {folder} is not empty; give another --out")
    folder.mkdir(parents=True, exist_ok=True)
    nodes = graph_from_args(
        args.embodiment, args, sim="true", instruction=INSTRUCTION, driver=driver, only="", without=""
    )
    ros_environment.enter(args)

    from molmoact2_ros.fault_injection.soak.figures import write_csv
    from molmoact2_ros.fault_injection.soak.soak_run import SoakRun

    say_event("molmoact2", f"{robot.title}, driver profile {driver}, {args.minutes:g} min, report in {folder}")
    soak, problem, interrupted = SoakRun(robot, nodes, folder, say_event), "", False
    try:
        soak.run(args.minutes, per_minute=args.readers, busy=args.busy)
    except KeyboardInterrupt:
        interrupted = True
    except ValueError as error:
        problem = str(error)
        print(f"error: {problem}", file=sys.stderr)
    report = {"embodiment": robot.name, "driver": driver, "busy": args.busy, **soak.report(busy=args.busy > 0)}
    report["ok"] = report["ok"] and not problem and not interrupted
    report |= {"problem": problem} if problem else {}
    write_csv(folder / "samples.csv", soak.samples)
    write_plot(folder / "memory.png", soak.samples)
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report), flush=True)
    return 130 if interrupted else int(not report["ok"])


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a count from 0, got {text!r}")
    return int(text)


def _positive(text: str) -> float:
    value = _not_negative(text)
    if not value:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def _not_negative(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number from 0, got {text!r}")
    return value
