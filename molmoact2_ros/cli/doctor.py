# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 doctor`: look at a robot's drivers, this machine and the checkpoint, before anything is armed."""

from __future__ import annotations

import argparse
import json
import math
import os
from typing import TYPE_CHECKING

from molmoact2_ros.bringup import ros_environment

if TYPE_CHECKING:
    from molmoact2_ros.doctor.evidence import Evidence
    from molmoact2_ros.embodiment import Driver, Embodiment

DEFAULT_SECONDS = 5.0
TRANSPORTS = ("raw", "compressed")  # perception's

DESCRIPTION = """\
Listen to a robot's drivers for some seconds, as the graph would, and judge what comes: joint names, units, limits,
rates and clocks; each camera's rate, encoding and image; who listens and who speaks on the command topics; the
transport, this machine and the checkpoint. No command is sent and nothing is downloaded. The graph need not run.
"""
EPILOG = """\
examples:
  molmoact2 doctor droid --domain-id 0                the drivers of a lab usually run in domain 0
  molmoact2 doctor droid --domain-id 0 --network      some of them on another machine
  molmoact2 doctor droid --domain-id 0 --seconds 20   open and close the gripper by its own driver meanwhile: a unit
                                                      shows in motion

One line for each check: ok, warning or FAILED, what was found, what was expected, what to do. Exit status 1 if a check
failed. What no check can see: whether the arm stands where it says. Compare the lines on joints and grippers with the
robot before you arm it.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "doctor",
        help="check a robot's drivers, this machine and the checkpoint before arming",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("embodiment", help="robot: droid, or the path of an embodiment file")
    parser.add_argument("--driver", default="", help="driver profile of the embodiment file (default: its first one)")
    parser.add_argument(
        "--checkpoint", default="", help="folder, hub id, or 'demo' (default: the embodiment's released one)"
    )
    parser.add_argument(
        "--seconds", type=_seconds, default=DEFAULT_SECONDS, help="listening time in seconds (default: %(default)s)"
    )
    parser.add_argument(
        "--image-transport", choices=TRANSPORTS, default="raw", help="what the camera drivers send (default: raw)"
    )
    parser.add_argument("--remap", default="", metavar="OLD:=NEW", help="topics by the lab's names, as for the graph")
    parser.add_argument(
        "--gripper",
        choices=("open", "closed"),
        default="",
        help="how you see every gripper stand: whether it is read the other way round shows only then",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    ros_environment.add_robot_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check and print; return 1 if a check failed."""
    from rich.console import Console

    from molmoact2_ros.doctor.check import Check
    from molmoact2_ros.doctor.discovery_checks import check_discovery, probe_discovery
    from molmoact2_ros.doctor.examination import examine
    from molmoact2_ros.doctor.machine_checks import check_machine, check_transport
    from molmoact2_ros.doctor.report import as_json, print_check, summary
    from molmoact2_ros.embodiment import Embodiment, default_driver
    from molmoact2_ros.policy.checkpoint_choice import choose_checkpoint

    robot = Embodiment.load(args.embodiment)
    driver = robot.driver(args.driver or default_driver(robot, sim=False))
    outside = dict(os.environ)
    ros_environment.enter(args)
    console = Console()
    checks: list[Check] = []

    def show(check: Check) -> None:
        checks.append(check)
        print_check(console, check)

    for check in check_machine(robot, driver, choose_checkpoint(robot, args.checkpoint, sim=False)):
        show(check)
    for check in check_discovery(probe_discovery(), os.environ, outside):
        show(check)
    evidence = _listen(robot, driver, args)
    for check in (
        *check_transport(evidence.rmw, evidence.largest_frame_bytes),
        *examine(robot, driver, evidence, args.gripper),
    ):
        show(check)
    console.print(summary(robot.name, driver.name, checks), soft_wrap=True, highlight=False)
    report = as_json(robot.name, driver.name, checks)
    if args.json:
        print(json.dumps(report))
    return 0 if report["ok"] else 1


def _listen(robot: Embodiment, driver: Driver, args: argparse.Namespace) -> Evidence:
    """Listen behind a progress bar, which is shown on a terminal only."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from molmoact2_ros.bringup.graph import remappings_in
    from molmoact2_ros.doctor.listener import Listener

    remappings = {**ros_environment.remapping(args), **remappings_in(args.remap)}
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with (
        Listener(robot, driver, args.image_transport, remappings) as listener,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task(f"looking for the drivers in domain {args.domain_id}", total=None)
        listener.find()
        progress.update(task, description="listening", total=args.seconds)
        return listener.listen(args.seconds, lambda passed: progress.update(task, completed=passed))


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1.0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"expected at least 1 second, got {text}")
    return seconds
