# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 arm`, `stop` and `reset`: one call each to the safety node of a running graph."""

from __future__ import annotations

import argparse
import functools

from molmoact2_ros.bringup import ros_environment

COMMANDS = {
    "arm": (
        "let checked commands reach the robot",
        "From now on commands that pass every check reach the robot: keep its emergency stop in reach. Refused, with "
        "the reason, when the robot is not ready.",
    ),
    "stop": (
        "stop the robot",
        "The robot plays the brake of its last command and stays stopped until reset. Never refused.",
    ),
    "reset": (
        "release a stop",
        "After a stop, go back to disarmed; nothing moves until the robot is armed again. Refused, with the reason, "
        "while the cause lasts or the robot moves.",
    ),
}
EXIT_STATUS = "Exit status 1 if the safety node refuses, or does not answer."


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the three commands."""
    for command, (summary, description) in COMMANDS.items():
        parser = subparsers.add_parser(command, help=summary, description=f"{description} {EXIT_STATUS}")
        ros_environment.add_robot_arguments(parser)
        parser.set_defaults(run=functools.partial(_run, command))


def _run(command: str, args: argparse.Namespace) -> int:
    ros_environment.enter(args)
    from molmoact2_ros.operation.client import OperatorClient

    with OperatorClient(remappings=ros_environment.remapping(args)) as client:
        try:
            done, words = client.ask_safety(command)
        except KeyboardInterrupt:
            print(f"{command}: interrupted before the answer came: see `molmoact2 status`")
            return 130
    print(f"{command}: {words}" if done else f"{command} refused: {words}")
    return 0 if done else 1
