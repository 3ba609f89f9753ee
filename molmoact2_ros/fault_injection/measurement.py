# SPDX-License-Identifier: Apache-2.0
"""From a recording to the figures of one fault. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import Embodiment

from .recording import Recording

Vector = NDArray[np.float64]

STILL_RAD_S = 0.02  # as safety has it
STILL_S = 0.1
WINDOW_S = 0.05  # a shorter one measures the servos' ripple
SETTLED_S = 0.5  # from standstill on servos still settle, by less than SETTLING_RAD; later by less than MOVED_RAD
SETTLING_RAD = 0.01
MOVED_RAD = 0.002


@dataclass(frozen=True)
class Measurement:
    """Times since the fault, seconds; None where there was none, or nothing to measure it by.

    `acceleration_ratio` is the largest of any arm joint over its limit, to the end of what is looked at;
    `moved_rad` is how far any arm joint went once it had settled.
    """

    last_command_s: float | None
    standstill_s: float | None
    acceleration_ratio: float
    moved_after_stop: bool
    moved_rad: float = 0.0


def measure(recording: Recording, fault_s: float, robot: Embodiment, ignored_topic: str = "") -> Measurement:
    """Measure what followed a fault.

    Args:
        recording: from before the fault to the end of what is looked at; joints in the robot's order.
        fault_s: when the fault began, steady clock.
        robot: names arm joints and their limits.
        ignored_topic: commands on it are not the graph's own.
    """
    arm = ~robot.is_gripper
    times = recording.times_s() - fault_s
    velocities = _rows(recording.velocities, len(robot.joints))[:, arm]
    positions = _rows(recording.positions, len(robot.joints))[:, arm]
    commands = [
        at - fault_s for at, topic in recording.commands if fault_s <= at < recording.ended_s and topic != ignored_topic
    ]
    last_s = max(commands, default=None)
    after = times >= 0.0
    stands_s = _standstill(times[after], velocities[after], last_s or 0.0)
    # One window more: what changes at once, at the fault, counts in full.
    looked_at = times >= -WINDOW_S
    moved_after_stop, moved_rad = (False, 0.0) if stands_s is None else _moved(times, positions, velocities, stands_s)
    return Measurement(
        last_command_s=last_s,
        standstill_s=stands_s,
        acceleration_ratio=_acceleration_ratio(
            times[looked_at], velocities[looked_at], robot.limits("acceleration")[arm]
        ),
        moved_after_stop=moved_after_stop,
        moved_rad=moved_rad,
    )


def _standstill(times: Vector, velocities: Vector, from_s: float) -> float | None:
    """Return when the arm began to stand for STILL_S, the first time from `from_s`: before, it only pauses."""
    since: float | None = None
    for time, still in zip(times, np.all(np.abs(velocities) < STILL_RAD_S, axis=1), strict=True):
        if not still or time < from_s:
            since = None
        elif since is None:
            since = float(time)
        elif time - since >= STILL_S:
            return since
    return None


def _acceleration_ratio(times: Vector, velocities: Vector, limits: Vector) -> float:
    """Return the largest change of a velocity over WINDOW_S, as a share of the joint's limit."""
    ends = np.searchsorted(times, times + WINDOW_S - 1e-9)
    inside = ends < len(times)
    starts, ends = np.flatnonzero(inside), ends[inside]
    if not len(starts):
        return 0.0
    spans = (times[ends] - times[starts])[:, None]
    return float(np.max(np.abs(velocities[ends] - velocities[starts]) / spans / limits))


def _moved(times: Vector, positions: Vector, velocities: Vector, stands_s: float) -> tuple[bool, float]:
    """Return whether the arm moved after it stood, and how far after it had settled, rad."""
    stood = times >= stands_s + STILL_S
    if not np.any(stood):
        return False, 0.0
    settling_rad = _farthest(positions[stood])
    moved_rad = _farthest(positions[times >= stands_s + SETTLED_S])
    fast = np.abs(velocities[stood]).max() > 2 * STILL_RAD_S
    return bool(settling_rad > SETTLING_RAD or moved_rad > MOVED_RAD or fast), moved_rad


def _farthest(positions: Vector) -> float:
    """Return how far any joint of [times, joints] gets from where it began."""
    return float(np.abs(positions - positions[0]).max()) if len(positions) else 0.0


def _rows(rows: list[Vector], joints: int) -> Vector:
    return np.array(rows) if rows else np.zeros((0, joints))
