# SPDX-License-Identifier: Apache-2.0
"""Measure what change detection adds to one observation.

Run: python benchmarks/change_mask.py [--frames 300]
Prints a table and, last, one JSON line. One frame is everything that perception does for the depth grid: resize, cells,
noise floor, comparison with each reference, and the acknowledgement. `1` reference: a policy that is done before the
next observation; `8`: the most that are kept for one that is slow. Times are the thread's own, on the processor: what
else a busy machine does in between is left out. The goal is 3 ms of one core per frame.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from molmoact2_ros.perception import ChangeDetector, ChangeSettings

GRID = 10
SIZES = ((180, 320), (480, 640), (720, 1280))  # h, w: DROID's data, small cameras, DROID's cameras
WARM_UP = 20
PER_DETECTOR = 120  # frames; it goes to sleep after 150 without an acknowledgement
GOAL_MS = 3.0


def measure(size: tuple[int, int], statistic: str, references: int, frames: int) -> list[float]:
    """Return the milliseconds of each frame."""
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(4)]
    times_ms: list[float] = []
    while len(times_ms) < frames:
        detector = ChangeDetector(ChangeSettings(statistic))
        detector.acknowledge(0, np.ones(GRID * GRID, np.bool_))
        for sequence in range(1, PER_DETECTOR):
            begin = time.thread_time()
            changes = detector.see(sequence, images[sequence % len(images)])
            if references == 1 or sequence == 1:
                detector.acknowledge(sequence, changes.changed)
            passed_ms = (time.thread_time() - begin) * 1e3
            if len(changes.unchanged_since) == references and sequence > WARM_UP:
                times_ms.append(passed_ms)
    return times_ms


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=300, help="frames per row (default: %(default)s)")
    arguments = parser.parse_args()
    result: dict[str, object] = {"frames": arguments.frames, "goal_ms": GOAL_MS}
    print("image      statistic  references   p50 ms   p99 ms   goal")
    for size in SIZES:
        for statistic in ("cosine", "noise"):
            for references in (1, 8):
                times_ms = measure(size, statistic, references, arguments.frames)
                p50, p99 = np.percentile(times_ms, [50, 99]).round(2)
                name = f"{size[1]}x{size[0]}"
                verdict = "met" if p50 < GOAL_MS else "missed"
                print(f"{name:10} {statistic:9}  {references:10d} {p50:8.2f} {p99:8.2f}   {verdict}")
                result[f"{name}_{statistic}_{references}"] = {"p50_ms": p50, "p99_ms": p99}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
