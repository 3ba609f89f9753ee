# SPDX-License-Identifier: Apache-2.0
"""Measure what one tick of the interpolator costs, for 8 joints (DROID) and for 14 (as two arms with grippers have).

Each run is a clean one: chunks at the policy's rate, one command per period. A tick with a new chunk also lays its
curve. Prints a table, then one JSON line. Run: python benchmarks/interpolator_tick.py [--ticks 3000]
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import replace

import numpy as np

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interpolation import InterpolationSettings, Interpolator
from molmoact2_ros.interpolation.example import ExampleMotion

START_NS = 1_700_000_000_000_000_000
LATENCY_NS = 80_000_000
PERCENTILES = (50, 99, 100)


def with_joints(count: int) -> Embodiment:
    """Return DROID with its joints repeated up to `count`."""
    droid = Embodiment.load("droid")
    joints = [droid.joints[index % len(droid.joints)] for index in range(count)]
    return replace(droid, joints=tuple(replace(joint, name=f"{joint.name}_{i}") for i, joint in enumerate(joints)))


def costs_ms(robot: Embodiment, ticks: int) -> np.ndarray:
    """Return the cost of each tick of a run, ms."""
    motion, interpolator = ExampleMotion(robot), Interpolator(robot, InterpolationSettings())
    period_ns, chunk_ns = round(1e9 / robot.command_rate_hz), round(1e9 * robot.policy.step_s)
    interpolator.measure(motion.state(START_NS))
    interpolator.arm(START_NS)
    costs, sequence = [], 0
    for now_ns in range(START_NS, START_NS + ticks * period_ns, period_ns):
        if now_ns >= START_NS + LATENCY_NS + (sequence + 1) * chunk_ns:
            sequence += 1
            interpolator.offer(motion.chunk(START_NS + sequence * chunk_ns, sequence), now_ns)
        began = time.perf_counter()
        interpolator.tick(now_ns)
        costs.append((time.perf_counter() - began) * 1e3)
    return np.array(costs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=3000)
    ticks = parser.parse_args().ticks
    results = {}
    print(f"{'joints':>6} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    for joints in (8, 14):
        p50, p99, largest = np.percentile(costs_ms(with_joints(joints), ticks), PERCENTILES)
        print(f"{joints:>6} {p50:>8.3f} {p99:>8.3f} {largest:>8.3f}")
        results[str(joints)] = {"p50_ms": round(p50, 4), "p99_ms": round(p99, 4), "max_ms": round(largest, 4)}
    print(
        json.dumps({"benchmark": "interpolator_tick", "ticks": ticks, "cpu": platform.processor(), "joints": results})
    )


if __name__ == "__main__":
    main()
