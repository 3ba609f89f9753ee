# SPDX-License-Identifier: Apache-2.0
"""Where the graph runs: ROS domain, reach on the network, transport. Set for this process and all that it starts."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from molmoact2_ros.ros.ros_start import require_ros

from . import middleware
from .dds_profile import PROFILE_VARIABLE, is_shipped, shipped_profile

# Not 0, where a lab's robots are; below 101, where the ports of a domain meet the ephemeral ones.
OWN_DOMAIN = 86


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the graph runs."""
    group = parser.add_argument_group("where the graph runs")
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
        help="let other machines see the graph (default: discovery stays on this machine, and variables that reach "
        "further, such as ROS_STATIC_PEERS, are left out). With ROS_DISCOVERY_SERVER set, domains do not separate: the "
        "command then meets every graph of that server, whatever its domain",
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
    """Set the environment that rclpy reads, and see that ROS starts in it; call before rclpy is imported.

    What is done with each variable stands in `bringup/middleware.py`.

    Raises:
        MiddlewareError: the graph could not be kept on this machine.
        RosStartError: ROS cannot start in this environment.
    """
    network = bool(args.network)
    if not network:
        middleware.require_isolation(os.environ)
    dropped = middleware.cleared(os.environ, network=network)
    for name in dropped:
        del os.environ[name]
    _note(dropped, network=network)
    os.environ[middleware.DOMAIN] = str(args.domain_id)
    # The default shared-memory segment is smaller than one camera frame, which loses most of them; and a graph that is
    # kept on this machine by LOCALHOST instead of by its profile gets one of the middleware's own next to ours.
    by_profile = middleware.is_local_by_profile(os.environ)
    local = "SYSTEM_DEFAULT" if by_profile else "LOCALHOST"
    os.environ[middleware.RANGE] = "SUBNET" if network else local
    if is_shipped(os.environ.get(PROFILE_VARIABLE)):
        os.environ[PROFILE_VARIABLE] = str(shipped_profile(local=not network))
    if not network:
        os.environ[middleware.SKIP_DEFAULT_XML] = "1"
    if "AMENT_PREFIX_PATH" not in os.environ and (Path(sys.prefix) / "share" / "ament_index").is_dir():
        os.environ["AMENT_PREFIX_PATH"] = sys.prefix  # a virtual environment with the ROS wheels is a prefix by itself
    require_ros()


def _note(dropped: list[str], *, network: bool) -> None:
    """Say on stderr what the environment had in mind and the command line has not, or the other way round."""
    far = [name for name in dropped if name in middleware.REACH_FURTHER]
    if far:
        print(
            f"note: {', '.join(far)} left out: without --network this command stays on this machine, in its own domain",
            file=sys.stderr,
        )
    if network and (sentence := middleware.joined_domains(os.environ)):
        print(f"note: {sentence}", file=sys.stderr)


def _domain(text: str) -> int:
    if not text.isdigit() or int(text) > 101:
        raise argparse.ArgumentTypeError(f"expected a ROS domain from 0 to 101, got {text!r}")
    return int(text)
