# SPDX-License-Identifier: Apache-2.0
"""Measure what one decision of safety costs, and how large a process with safety alone is.

Run: python benchmarks/safety_decision.py [--decisions 5000]
Prints a table and, last, one JSON line. One decision is everything between a command and its verdict: silences, all
checks, bookkeeping. The second row doubles the arm, as a robot with two.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import sys
import time

import numpy as np

from molmoact2_ros.embodiment import Embodiment, RobotState
from molmoact2_ros.safety import BridgeReport, Instant, Limits, Monitor, PerceptionReport, Settings
from molmoact2_ros.safety.example import ExampleMotion

ORIGIN_NS = 1_700_000_000_000_000_000


def with_joints(robot: Embodiment, count: int) -> tuple[Embodiment, Limits]:
    """Return a robot with its joints repeated under new names, and its limits."""
    joints = [
        dataclasses.replace(robot.joints[index % len(robot.joints)], name=f"joint_{index}") for index in range(count)
    ]
    robot = dataclasses.replace(robot, joints=tuple(joints))
    return robot, Limits.load(robot, Settings.gripper_overrun)


def decide(robot: Embodiment, limits: Limits, decisions: int) -> list[float]:
    """Return the milliseconds of each decision on a clean motion."""
    period_s = 1.0 / robot.command_rate_hz
    monitor, motion = Monitor(robot, limits, Settings()), ExampleMotion(limits, period_s)
    times_ms = []
    for index in range(-20, decisions):
        passed_ns = round(index * period_s * 1e9)
        now = Instant(ORIGIN_NS + passed_ns, passed_ns)
        monitor.on_bridge(BridgeReport(), now)
        monitor.on_perception(PerceptionReport(ready=True), now)
        monitor.on_robot_state(RobotState(now.ros_ns, limits.names, *motion.state(max(index, 0))), now)
        if index < 0:
            continue
        if index == 0 and not (reply := monitor.arm(now)).done:
            raise SystemExit(reply.text)
        command = motion.command(index, ORIGIN_NS, chunk_sequence=index + 1, observation_ns=now.ros_ns - 100_000_000)
        begin = time.perf_counter()
        passes = monitor.on_command(command, now)
        times_ms.append((time.perf_counter() - begin) * 1e3)
        if not passes:
            raise SystemExit(f"a clean command was refused: {monitor.snapshot}")
    return times_ms


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decisions", type=int, default=5000, help="decisions per row (default: %(default)s)")
    arguments = parser.parse_args()
    result: dict[str, object] = {"decisions": arguments.decisions}
    print("joints     p50 ms     p99 ms     max ms")
    for count in (8, 14):
        times_ms = decide(*with_joints(Embodiment.load("droid"), count), arguments.decisions)
        p50, p99, most = np.percentile(times_ms, [50, 99, 100]).round(3)
        print(f"{count:6d} {p50:10.3f} {p99:10.3f} {most:10.3f}")
        result[f"joints_{count}"] = {"p50_ms": p50, "p99_ms": p99}
    result["resident_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    result["torch_loaded"] = "torch" in sys.modules
    print(f"resident memory {result['resident_mib']} MiB, torch loaded: {result['torch_loaded']}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
