# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 status`: what a running graph says of itself."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from molmoact2_ros.bringup import ros_environment

if TYPE_CHECKING:
    from molmoact2_ros.operation.client import OperatorClient

LISTEN_S = 5.0  # on a busy machine nodes take seconds to find each other


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "status",
        help="show what a running graph says of itself",
        description="Show nodes, safety mode and cause, bridge, perception, policy and task of a running graph. Exit "
        "status 1 if there is none.",
    )
    ros_environment.add_robot_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the status; return 1 if no graph runs in the domain."""
    ros_environment.enter(args)
    from molmoact2_ros.operation.client import OperatorClient

    with OperatorClient(remappings=ros_environment.remapping(args)) as client:
        nodes = client.nodes_of_ours()
        if not nodes:
            others = client.other_namespaces()
            where = f"in ROS domain {args.domain_id}" + (f", namespace {args.namespace}" if args.namespace else "")
            advice = (
                f"look with --namespace at {', '.join(others)}" if others else "start one: molmoact2 up droid --sim"
            )
            print(f"no graph runs {where}; {advice}")
            return 1
        client.wait_for(lambda: client.has_received_all, LISTEN_S)
        _print(client, sorted({*nodes, *client.nodes_now()}))
    return 0


def _print(client: OperatorClient, nodes: list[str]) -> None:
    from molmoact2_ros.operation.client import BRIDGE_MODES, MODES, TASK_STATES, cause_name

    silent = "silent"
    safety, bridge, perception, chunk = client.safety, client.bridge, client.perception, client.chunk
    rows = dict.fromkeys(("nodes", "safety", "bridge", "perception", "policy", "task"), silent)
    rows["nodes"] = ", ".join(nodes)
    if safety is not None:
        rows["safety"] = MODES[safety.mode] + (f": {cause_name(safety.cause)}, {safety.text}" if safety.cause else "")
        rows["refused"] = f"{safety.refused} commands since arming"
    if bridge is not None:
        rows["bridge"] = BRIDGE_MODES[bridge.mode] + (f": {bridge.text}" if bridge.text else "")
    if perception is not None:
        rows["perception"] = perception.text or f"ready, observation {perception.observation_sequence}"
    if chunk is not None:
        rows["policy"] = f"chunk {chunk.sequence}, {chunk.latency_s * 1e3:.0f} ms old when sent: {chunk.instruction!r}"
    if client.task is not None:
        words = [TASK_STATES[client.task.state], repr(client.task.instruction) if client.task.instruction else ""]
        rows["task"] = ": ".join(word for word in (*words, client.task.text, client.task.rejected) if word)
    for name, text in rows.items():
        print(f"{name:<11} {text}")
