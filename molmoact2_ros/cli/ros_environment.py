# SPDX-License-Identifier: Apache-2.0
"""Where the graph lives: ROS domain, reach on the network, transport. Set for this process and all that it starts."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from molmoact2_ros.nodes.dds_profile import PROFILE_VARIABLE, is_shipped, shipped_profile

# Not 0, where a lab's robots are; below 101, where the ports of a domain meet the ephemeral ones.
OWN_DOMAIN = 86


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the graph lives."""
    group = parser.add_argument_group("where the graph lives")
    group.add_argument(
        "--domain-id",
        type=_domain,
        default=OWN_DOMAIN,
        metavar="N",
        help="ROS domain, 0 to 101; give that of your drivers to run a real robot (default: %(default)s, this "
        "command's own; the variable ROS_DOMAIN_ID is not read, so that a demo never meets a robot by accident)",
    )
    group.add_argument(
        "--network",
        action="store_true",
        help="let other machines see the graph (default: discovery stays on this machine)",
    )


def add_robot_arguments(parser: argparse.ArgumentParser) -> None:
    """Add these, and the namespace of one robot among several."""
    add_arguments(parser)
    parser.add_argument(
        "--namespace", default="", metavar="NS", help="namespace of the robot's graph, where there are several"
    )


def remapping(args: argparse.Namespace) -> dict[str, str]:
    """Return new name by old one: what puts a node into the robot's namespace."""
    return {"__ns": "/" + args.namespace.strip("/")} if args.namespace else {}


def ros_arguments(remappings: Mapping[str, str]) -> list[str]:
    """Return the arguments by which a process takes remappings."""
    return ["--ros-args", *(text for old, new in remappings.items() for text in ("-r", f"{old}:={new}"))]


def enter(args: argparse.Namespace) -> None:
    """Set the environment that rclpy reads; call before rclpy is initialised."""
    os.environ["ROS_DOMAIN_ID"] = str(args.domain_id)
    # The default shared-memory segment is smaller than one camera frame, which loses most of them; and a graph that is
    # kept on this machine by LOCALHOST instead of by its profile gets one of the middleware's own beside ours.
    if not is_shipped(os.environ.get(PROFILE_VARIABLE)):
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "SUBNET" if args.network else "LOCALHOST"
    else:
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "SUBNET" if args.network else "SYSTEM_DEFAULT"
        os.environ[PROFILE_VARIABLE] = str(shipped_profile(local=not args.network))
    if "AMENT_PREFIX_PATH" not in os.environ and (Path(sys.prefix) / "share" / "ament_index").is_dir():
        os.environ["AMENT_PREFIX_PATH"] = sys.prefix  # a virtual environment with the ROS wheels is a prefix by itself


def _domain(text: str) -> int:
    if not text.isdigit() or int(text) > 101:
        raise argparse.ArgumentTypeError(f"expected a ROS domain from 0 to 101, got {text!r}")
    return int(text)
