# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 up`: the graph of one robot, without ros2 launch."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from molmoact2_ros.bringup import ros_environment
from molmoact2_ros.bringup.graph import OPTIONAL_NODES

from .graph_arguments import add_graph_arguments, graph_from_args

if TYPE_CHECKING:
    from molmoact2_ros.bringup.graph import NodeSpec
    from molmoact2_ros.operation.managed_graph import ManagedGraph

EPILOG = """\
examples:
  molmoact2 up droid --sim                            simulated, with the demo checkpoint
  molmoact2 up droid --domain-id 0 --checkpoint allenai/MolmoAct2-DROID --instruction "pick up the red block"
                                                      real, where the drivers run in domain 0
  molmoact2 up droid --domain-id 0 --network --without policy
                                                      the model on another machine: there the same with --only policy
then, in a second terminal: molmoact2 arm, molmoact2 status, molmoact2 stop

The graph starts disarmed. Ctrl-C stops the arm, waits for standstill, then ends the nodes. When a node dies, the rest
is taken down and the exit status is 1; the depth viewer alone may die.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "up",
        help="start the graph of a robot",
        description="Start the graph of a robot, one process per node, and watch over it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("embodiment", help="robot: droid, yam, so101, or the path of an embodiment file")
    add_graph_arguments(parser)
    parser.add_argument("--keep", action="store_true", help="when a node dies, leave the rest running")
    parser.add_argument("--log-dir", type=Path, metavar="DIR", help="folder for the nodes' logs (default: a new one)")
    ros_environment.add_robot_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run until Ctrl-C or until a node dies; return the exit status."""
    from molmoact2_ros.operation.event_log import say_event

    here = ros_environment.remapping(args)
    nodes = [in_namespace(node, here) for node in graph_from_args(args.embodiment, args)]
    ros_environment.enter(args)
    from molmoact2_ros.operation.client import OperatorClient
    from molmoact2_ros.operation.managed_graph import ManagedGraph

    folder = args.log_dir or Path(tempfile.mkdtemp(prefix="molmoact2_"))
    say_event("molmoact2", f"ROS domain {args.domain_id}, logs in {folder}")
    with OperatorClient(remappings=here) as client:
        client.require_free_domain([node.name for node in nodes])
        live = ManagedGraph(client, folder, say_event)
        live.start(nodes)
        return watch_over(live, args)


def watch_over(live: ManagedGraph, args: argparse.Namespace) -> int:
    """Run until Ctrl-C or until a node ends; then, or after any error, stop the arm first. Return the exit status."""
    from molmoact2_ros.operation.event_log import say_event

    try:
        return _watch(live, args)
    except KeyboardInterrupt:
        say_event("molmoact2", "stopping the arm, then the nodes")
        return 0
    finally:
        live.end()


def in_namespace(node: NodeSpec, remapping: Mapping[str, str]) -> NodeSpec:
    """Return the node, put where a remapping says."""
    return replace(node, remappings={**node.remappings, **remapping})


def _watch(live: ManagedGraph, args: argparse.Namespace) -> int:
    from molmoact2_ros.bringup.supervisor import REFUSED, exit_status
    from molmoact2_ros.operation.event_log import say_event

    advised = False
    while True:
        exits = live.poll()
        missed = [node for node in exits if node.name not in OPTIONAL_NODES or node.status == REFUSED]
        goes_on = (args.keep or not missed) and bool(live.supervisor.running())
        for node in exits:
            say_event("molmoact2", f"{node}; " + ("the rest goes on" if goes_on else "taking the rest down"))
        if exits and not goes_on:
            live.settle()
            live.poll()
            exits = missed or exits
            print(f"error: {exits[0]}", file=sys.stderr)
            return exit_status(exits)
        if not advised and live.is_ready and (live.client.chunk is not None or not args.instruction):
            advised = True
            say_event("molmoact2", _advice(args))


def _advice(args: argparse.Namespace) -> str:
    """Return what the operator can do now."""
    namespace = f" --namespace {args.namespace}" if args.namespace else ""
    domain = "" if args.domain_id == ros_environment.OWN_DOMAIN else f" --domain-id {args.domain_id}"
    network = " --network" if args.network else ""
    commands = ["arm"] if args.instruction else ['instruct "..."', "arm"]
    return "ready; in a second terminal: " + ", then ".join(
        f"molmoact2 {each}{domain}{network}{namespace}" for each in commands
    )
