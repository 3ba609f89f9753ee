# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 up`: the graph of one robot, without ros2 launch."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from molmoact2_ros.nodes.graph import OPTIONAL_NODES

from . import ros_environment
from .graph_arguments import add_graph_arguments, graph_from_args

if TYPE_CHECKING:
    from molmoact2_ros.nodes.graph import NodeSpec

    from .live_graph import LiveGraph
    from .supervisor import NodeExit

REFUSED = 2  # exit status of a node whose input cannot be used
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
    here = ros_environment.remapping(args)
    nodes = [in_namespace(node, here) for node in graph_from_args(args.embodiment, args)]
    ros_environment.enter(args)
    from .live_graph import LiveGraph
    from .operator_client import OperatorClient

    folder = args.log_dir or Path(tempfile.mkdtemp(prefix="molmoact2_"))
    say_event("molmoact2", f"ROS domain {args.domain_id}, logs in {folder}")
    with OperatorClient(remappings=here) as client:
        client.require_free_domain([node.name for node in nodes])
        live = LiveGraph(client, folder, say_event)
        live.start(nodes)
        return watch_over(live, args)


def watch_over(live: LiveGraph, args: argparse.Namespace) -> int:
    """Run until Ctrl-C or until a node ends; then, or after any error, stop the arm first. Return the exit status."""
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


def say_event(who: str, text: str) -> None:
    """Print one line: time, who, what. A terminal that was closed does not keep an arm from being stopped."""
    with contextlib.suppress(OSError):
        print(f"{time.strftime('%H:%M:%S')}  {who:<12}  {text}", flush=True)


def exit_status(exits: list[NodeExit]) -> int:
    """Return 2 if a node refused its input (it ends with 2 itself), else 1."""
    return REFUSED if exits[0].status == REFUSED else 1


def _watch(live: LiveGraph, args: argparse.Namespace) -> int:
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
