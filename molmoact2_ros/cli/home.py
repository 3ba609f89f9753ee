# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 home`: move the robot of a running graph to its home pose, through the same checks as any motion."""

from __future__ import annotations

import argparse
import re
import time
from typing import TYPE_CHECKING

from . import ros_environment

if TYPE_CHECKING:
    from molmoact2_ros.embodiment import Embodiment

    from .operator_client import OperatorClient

ARRIVED_RAD = 0.03  # what a controller may lack at rest
STILL_RAD_S = 0.02
GRACE_S = 5.0  # the arm lags behind, and a machine may be busy

EPILOG = """\
example, in a second terminal beside `molmoact2 up droid`:
  molmoact2 arm && molmoact2 home droid

Safety must be armed. The way is straight in joint space, at a part of the limits (`home_ratio` of the interpolator); a
way that touches something is refused by safety, which names what. At home the robot holds until the policy is told
something new. Exit status 1 if it did not arrive.
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
    from .operator_client import OperatorClient

    with OperatorClient(remappings=ros_environment.remapping(args)) as client:
        moves, words = client.ask("interpolator", "home")
        print(f"home: {words}" if moves else f"home refused: {words}")
        if not moves:
            return 1
        problem = wait_for_home(client, robot, _seconds(words))
    print(f"home: {problem}" if problem else "home: the robot has arrived, and holds there")
    return int(bool(problem))


def wait_for_home(client: OperatorClient, robot: Embodiment, seconds: float) -> str:
    """Wait for the robot to rest at home; return why it does not, or nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from molmoact2_ros.msg import SafetyState

    console = Console(stderr=True)
    columns = (TextColumn("moving home"), BarColumn(), TimeRemainingColumn())
    begun_s = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=seconds)
        while (passed_s := time.monotonic() - begun_s) < seconds + GRACE_S:
            client.spin_for(0.1)
            progress.update(bar, completed=min(passed_s, seconds))
            if client.safety is not None and client.safety.mode != SafetyState.ARMED:
                return f"safety stopped the robot on the way: {client.safety.text}"
            if is_at_home(client, robot):
                return ""
    return f"the robot is not at rest in its home pose after {seconds + GRACE_S:.0f} s: {_how_far(client, robot)}"


def is_at_home(client: OperatorClient, robot: Embodiment) -> bool:
    """Tell whether the arm is measured to rest in its home pose; a gripper may hold something."""
    import numpy as np

    state = client.robot
    if state is None or tuple(state.names) != robot.joint_names:
        return False
    arm = ~robot.is_gripper
    away, speeds = np.array(state.positions) - robot.pose("home"), np.array(state.velocities)
    return bool(np.abs(away[arm]).max() < ARRIVED_RAD and np.abs(speeds[arm]).max() < STILL_RAD_S)


def _how_far(client: OperatorClient, robot: Embodiment) -> str:
    import numpy as np

    if client.robot is None or tuple(client.robot.names) != robot.joint_names:
        return f"no robot_state of {robot.name} is heard"
    away = np.abs(np.array(client.robot.positions) - robot.pose("home")) * ~robot.is_gripper
    joint = int(np.argmax(away))
    return f"{robot.joint_names[joint]} is {away[joint]:.3f} rad away"


def _seconds(words: str) -> float:
    """Return the time that the interpolator says it takes."""
    found = re.search(r"([0-9.]+) s", words)
    return float(found[1]) if found else 30.0
