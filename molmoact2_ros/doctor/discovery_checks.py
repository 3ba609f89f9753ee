# SPDX-License-Identifier: Apache-2.0
"""Whether nodes find each other here, and whom the middleware's variables let them meet besides."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from molmoact2_ros.bringup import middleware
from molmoact2_ros.ros.ros_start import init_ros, made_by_ros

from .check import Check, failed, ok, warning

PATIENCE_S = 10.0  # on a busy machine nodes take seconds to find each other
POLL_S = 0.05
PROBES = ("molmoact2_doctor_probe_a", "molmoact2_doctor_probe_b")
NAME, EXPECTED = "discovery", "two nodes of this machine find each other, and no other domain is joined"


def probe_discovery(patience_s: float = PATIENCE_S) -> float | None:
    """Return the seconds in which two participants of this environment found each other; None: they did not."""
    import rclpy
    from rclpy.context import Context
    from rclpy.signals import SignalHandlerOptions

    contexts = [Context() for _ in PROBES]
    begun_s = time.monotonic()
    try:
        for context in contexts:
            init_ros(context=context, signal_handler_options=SignalHandlerOptions.NO)
        names = zip(PROBES, contexts, strict=True)
        nodes = made_by_ros(lambda: [rclpy.create_node(name, context=context) for name, context in names])
        while (passed_s := time.monotonic() - begun_s) < patience_s:
            if all(set(PROBES) <= set(node.get_node_names()) for node in nodes):
                return passed_s
            time.sleep(POLL_S)
        return None
    finally:
        for context in contexts:
            context.try_shutdown()


def check_discovery(seconds: float | None, inside: Mapping[str, str], outside: Mapping[str, str]) -> Iterator[Check]:
    """Judge discovery.

    Args:
        seconds: of `probe_discovery`.
        inside: environment in which it was probed, which is that of every `molmoact2` command.
        outside: environment as it was before: launch files and `ros2 run` follow that.
    """
    if seconds is None:
        causes = ", ".join(middleware.suspects(inside)) or "no variable that would explain it"
        remedy = "start the discovery server, or unset what is named; else look at the firewall and at multicast on lo"
        yield failed(NAME, f"two nodes did not find each other in {PATIENCE_S:.0f} s; set: {causes}", EXPECTED, remedy)
    elif text := middleware.joined_domains(inside):
        yield warning(NAME, text, EXPECTED, "run one robot's graph per server, or unset it")
    else:
        yield ok(NAME, f"two nodes found each other in {seconds:.1f} s", EXPECTED)
    if text := middleware.range_off(outside):
        yield failed("discovery by launch", text, EXPECTED, f"unset {middleware.RANGE}")
    elif (text := middleware.joined_domains(outside)) and not middleware.joined_domains(inside):
        yield warning("discovery by launch", text, EXPECTED, "launch files follow it; `molmoact2` does with --network")
    if not middleware.is_replaced_by_profile(outside) and (text := middleware.shared_memory_of_localhost(outside)):
        yield warning("discovery range", text, "UDP alone for the nodes that stop the robot", "set SUBNET, or unset it")
