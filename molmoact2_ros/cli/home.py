# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 home`: move the robot of a running graph to its home pose, through the same checks as any motion."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from molmoact2_ros.bringup import ros_environment

if TYPE_CHECKING:
    from molmoact2_ros.embodiment import Embodiment
    from molmoact2_ros.operation.client import OperatorClient

PATIENCE_S = 60.0  # a move home that takes longer is not one

EPILOG = """\
example, in a second terminal next to `molmoact2 up droid`:
  molmoact2 arm && molmoact2 home droid

Safety must be armed. The way is straight in joint space, at a part of the limits (`home_ratio` of the interpolator); a
way that touches something is refused by safety, which names what. At home the robot holds until the policy is given
something new. Ctrl-C on the way stops the robot, as `molmoact2 stop` does. Exit status 1 if it did not arrive, 130
after Ctrl-C.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "home",
        help="move the robot to its home pose",
        description="Move the robot of a running graph to the home pose of its embodiment file, and hold there.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("embodiment", help="robot of the graph: a name, or the path of an embodiment file")
    ros_environment.add_robot_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask, wait behind a progress bar; return 1 if the robot did not arrive."""
    from molmoact2_ros.embodiment import Embodiment

    robot = Embodiment.load(args.embodiment)
    ros_environment.enter(args)
    from molmoact2_ros.operation.client import OperatorClient

    with OperatorClient(remappings=ros_environment.remapping(args)) as client:
        moves, words = client.ask("interpolator", "home")
        print(f"home: {words}" if moves else f"home refused: {words}")
        if not moves:
            return 1
        try:
            problem = wait_for_home(client, robot)
        except KeyboardInterrupt:
            stops, words = client.ask_safety("stop")
            print(f"home: interrupted; stop{'' if stops else ' refused'}: {words}")
            return 130
    print(f"home: {problem}" if problem else "home: the robot has arrived, and holds there")
    return int(bool(problem))


def wait_for_home(client: OperatorClient, robot: Embodiment) -> str:
    """Wait for the robot to rest at home; return why it does not, or nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from molmoact2_ros.msg import SafetyState

    console = Console(stderr=True)
    columns = (TextColumn("moving home"), BarColumn(), TimeElapsedColumn())
    begun_s, farthest_rad = time.monotonic(), 0.0
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=1.0)
        while time.monotonic() - begun_s < PATIENCE_S:
            client.spin_for(0.1)
            if client.safety is not None and client.safety.mode != SafetyState.ARMED:
                return f"safety stopped the robot on the way: {client.safety.text}"
            if is_at_home(client, robot):
                return ""
            _, away_rad = _farthest(client, robot)
            farthest_rad = max(farthest_rad, away_rad)
            progress.update(bar, completed=1.0 - away_rad / farthest_rad if farthest_rad else 0.0)
    joint, away_rad = _farthest(client, robot)
    where = f"{joint} is {away_rad:.3f} rad away" if joint else f"no robot_state of {robot.name} is received"
    return f"the robot is not at rest in its home pose after {PATIENCE_S:.0f} s: {where}"


def is_at_home(client: OperatorClient, robot: Embodiment) -> bool:
    """Return whether the arm is measured to rest in its home pose."""
    from molmoact2_ros.interpolation import rests_at_home
    from molmoact2_ros.ros.conversions import robot_state_from_msg

    return client.robot is not None and rests_at_home(robot, robot_state_from_msg(client.robot))


def _farthest(client: OperatorClient, robot: Embodiment) -> tuple[str, float]:
    """Return the arm joint that is farthest from home, and how far, rad; no name before a robot_state is received."""
    import numpy as np

    if client.robot is None or tuple(client.robot.names) != robot.joint_names:
        return "", 0.0
    away = np.abs(np.array(client.robot.positions) - robot.pose("home")) * ~robot.is_gripper
    joint = int(np.argmax(away))
    return robot.joint_names[joint], float(away[joint])
