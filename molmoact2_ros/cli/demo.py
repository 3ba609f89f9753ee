# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 demo`: the whole graph in simulation for some seconds, then a report."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from molmoact2_ros.bringup import ros_environment
from molmoact2_ros.bringup.graph import in_lockstep

from .graph_arguments import graph_from_args

DEFAULT_SECONDS = 20.0
INSTRUCTION = "move gently around the table"

DESCRIPTION = """\
Start the simulated graph of a robot (simulator, task, perception, policy, interpolator, safety, bridge: one process
each, real ROS topics), arm it, let the policy move the arm, take it down, and write a report folder: camera frames and
a contact sheet, joints commanded against measured, an MCAP bag for Foxglove or ros2 bag, report.json, the nodes' logs.
"""
EPILOG = """\
examples:
  molmoact2 demo                                 twenty seconds of DROID with the checkpoint that comes along
  molmoact2 demo --embodiment yam                twenty seconds of another robot: yam, so101
  molmoact2 demo --seconds 60 --headless --out /tmp/run
  molmoact2 demo --lockstep --seed 3             the same on simulated time, twice the same to the bit
  molmoact2 demo --think                         reason in depth; the report shows which codes were used again
  molmoact2 demo --checkpoint allenai/MolmoAct2-DROID --instruction "put the block in the bowl"

The last line of output is JSON. Exit status 0 only if the run was clean: nothing stopped, no node died.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "demo",
        help="run the whole graph in simulation, then write a report",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--embodiment", default="droid", help="robot (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=_positive, default=DEFAULT_SECONDS, help="armed time in seconds (default: %(default)s)"
    )
    parser.add_argument(
        "--driver",
        default="",
        help="driver profile to simulate (default: the first that common_interfaces suffices for)",
    )
    parser.add_argument("--checkpoint", default="", help="folder or hub id (default: the bundled one)")
    parser.add_argument("--instruction", default=INSTRUCTION, help="what the robot is to do (default: %(default)r)")
    parser.add_argument(
        "--speed-scale", default="1.0", metavar="S", help="execute chunks at this part of their speed, 0.1 to 1"
    )
    parser.add_argument(
        "--safety-file",
        default="",
        metavar="FILE",
        help="file of safety thresholds that differ from the defaults",
    )
    parser.add_argument(
        "--camera-rate",
        default="",
        metavar="HZ",
        help="images a second of each simulated camera (default: the scene's)",
    )
    parser.add_argument(
        "--lockstep",
        action="store_true",
        help="on simulated time that waits for every node: the same run on any load of this computer, with a digest of "
        "all commands and joint states in the last line",
    )
    parser.add_argument(
        "--latency",
        default="",
        metavar="MS|FILE",
        help="with --lockstep, what an inference takes in simulated time: milliseconds, or the report.json of a run in "
        "real time, from which it is drawn (default: 80)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="with --lockstep, of the policy's noise and the cameras' (default: 0)"
    )
    parser.add_argument("--headless", action="store_true", help="plain lines instead of the live table")
    parser.add_argument("--out", type=Path, metavar="DIR", help="report folder (default: a new one under runs/)")
    parser.add_argument(
        "--think",
        dest="enable_depth",
        action="store_true",
        help="reason in depth before acting, with a checkpoint that can; droid has a small one",
    )
    ros_environment.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo and write its report; return the exit status."""
    nodes = graph_from_args(args.embodiment, args, sim="true")
    folder = args.out or Path("runs") / f"demo-{args.embodiment}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"the report folder {folder} is not empty; give another --out")
    ros_environment.enter(args)
    from molmoact2_ros.operation.event_log import say_event
    from molmoact2_ros.recording.demo_run import OPERATOR, DemoRun

    if not args.lockstep:
        in_real_time = DemoRun(args, nodes, folder, may_be_late=False)
        status = in_real_time.run()
        if not in_real_time.too_slow:
            return status
        say_event("molmoact2", f"this computer cannot keep real time, {in_real_time.too_slow}: going on in lockstep")
        _set_aside(folder)
        args.lockstep = True
        nodes = graph_from_args(args.embodiment, args, sim="true")
    return DemoRun(args, [in_lockstep(node, args.seed, OPERATOR) for node in nodes], folder).run()


def _set_aside(folder: Path) -> None:
    """Keep what the run in real time left, in a folder within."""
    left = list(folder.iterdir())
    (folder / "real_time").mkdir()
    for path in left:
        path.rename(folder / "real_time" / path.name)


def _positive(text: str) -> float:
    seconds = float(text)
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"expected more than 0 seconds, got {text}")
    return seconds
