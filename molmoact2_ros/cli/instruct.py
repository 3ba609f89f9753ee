# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 instruct`: give a running graph another instruction."""

from __future__ import annotations

import argparse

from molmoact2_ros.bringup import ros_environment

from .graph_arguments import instruction_text


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "instruct",
        help="send a task instruction to a running graph",
        description="Give a running graph another instruction; it takes effect with the next inference. Exit status 1 "
        "if no task node runs, or the policy rejects the instruction: the one before stays in force.",
    )
    parser.add_argument("instruction", help='what the robot is to do, e.g. "put the red block in the bowl"')
    ros_environment.add_robot_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Give the instruction; return 1 if no task node runs in the domain, or the policy rejects it."""
    text = instruction_text(args.instruction)
    ros_environment.enter(args)
    from molmoact2_ros.operation.client import OperatorClient

    with OperatorClient(remappings=ros_environment.remapping(args)) as client:
        if "task" not in client.nodes_of_ours():
            print(f"no task node runs in ROS domain {args.domain_id}")
            return 1
        taken, reason = client.instruct(text)
    if not taken:
        print(f"instruction rejected: {reason}")
        return 1
    print(f"instruction: {text!r}")
    return 0
