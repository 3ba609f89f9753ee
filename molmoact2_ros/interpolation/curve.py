# SPDX-License-Identifier: Apache-2.0
"""The smooth curve through the rows of a chunk, at ROS time."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from molmoact2_ros.interfaces.action_chunk import ActionChunk
from molmoact2_ros.timing import S_PER_NS

from .motion import Motion, Times, Vector

MOST_STEPS_SMOOTHED = 10.0
LONGEST_S = 10.0  # no policy looks further ahead; what a chunk that is slowed down says of later times is not used


class Curve:
    """A cubic spline through rows [rows, joints] of chunk `sequence`; row i belongs to `start_ns + i * step_s`.

    Position, velocity and acceleration are continuous. The first and the last interval keep a constant acceleration:
    the rows say nothing about how the motion began or goes on.
    """

    def __init__(self, start_ns: int, step_s: float, rows: Vector, sequence: int = 0) -> None:
        """Fit. `rows` holds at least two rows, all finite."""
        self.sequence = sequence
        self.start_ns = start_ns
        self.end_ns = start_ns + int(min((len(rows) - 1) * step_s, LONGEST_S) / S_PER_NS)
        self.step_s = step_s
        self._rows = rows
        self._accelerations = _second_derivative_operator(len(rows)) @ rows / step_s**2

    @classmethod
    def through(cls, chunk: ActionChunk, names: tuple[str, ...], executed_steps: int, smooth_s: float = 0.0) -> Curve:
        """Lay a chunk on the timeline.

        Args:
            chunk: at least two rows, all finite, a positive step; its joints are `names`, in any order.
            names: the joints, in the order of the result.
            executed_steps: the first so many rows count; 0 for all of them.
            smooth_s: time constant, at least a step, of a smoother that takes noise out of rows; 0: it stays. Constant
                acceleration passes unchanged, a sinusoid of w rad/s loses about (w * smooth_s)**6.
        """
        ordered = chunk.positions[:, [chunk.names.index(name) for name in names]].astype(np.float64)
        if smooth_s > 0:
            ordered = _smoothed(ordered, smooth_s / chunk.step_s)
        return cls(chunk.stamp_ns, chunk.step_s, ordered[: executed_steps or None], chunk.sequence)

    def rows_after(self, time_ns: int) -> Times:
        """Return the times of the rows behind `time_ns`, up to `end_ns`."""
        times_ns = self.start_ns + (np.arange(len(self._rows)) * (self.step_s / S_PER_NS)).astype(np.int64)
        return times_ns[(times_ns > time_ns) & (times_ns <= self.end_ns)]

    def at(self, times_ns: Times) -> Motion:
        """Evaluate at times from `start_ns` to `end_ns`; returns [times, joints]."""
        place = (times_ns - self.start_ns) * S_PER_NS / self.step_s
        left = np.clip(place.astype(np.int64), 0, len(self._rows) - 2)
        to = (place - left)[:, None]  # 0 at the left row, 1 at the right one
        away = 1.0 - to
        h, delta = self.step_s, self._rows[left + 1] - self._rows[left]
        from_left, from_right = self._accelerations[left], self._accelerations[left + 1]
        bend = (away**3 - away) * from_left + (to**3 - to) * from_right
        slope = (1 - 3 * away**2) * from_left + (3 * to**2 - 1) * from_right
        return Motion(
            positions=self._rows[left] + to * delta + bend * h**2 / 6,
            velocities=delta / h + slope * h / 6,
            accelerations=away * from_left + to * from_right,
        )


def _smoothed(rows: Vector, steps: float) -> Vector:
    smoothed: Vector = _smoother(len(rows), min(max(steps, 1.0), MOST_STEPS_SMOOTHED)) @ rows
    return smoothed


@lru_cache(maxsize=8)  # one per number of rows: 1 MB with MOST_ROWS
def _smoother(count: int, steps: float) -> Vector:
    """Return [count, count]: rows to those of least sum of squares of distance, and of third differences * steps**3."""
    third = np.diff(np.eye(count), 3, axis=0)
    return np.asarray(np.linalg.inv(np.eye(count) + steps**6 * third.T @ third), dtype=np.float64)


@lru_cache(maxsize=8)  # one per number of rows: 1 MB with MOST_ROWS
def _second_derivative_operator(count: int) -> Vector:
    """Return [count, count]: rows at unit spacing to the spline's second derivatives at them."""
    if count == 2:
        return np.zeros((2, 2))
    inner = count - 2
    differences = np.eye(inner, count) - 2 * np.eye(inner, count, 1) + np.eye(inner, count, 2)
    # m[i-1] + 4 m[i] + m[i+1] = 6 * difference[i], with m[0] = m[1] and m[-1] = m[-2].
    system = 4 * np.eye(inner) + np.eye(inner, k=1) + np.eye(inner, k=-1)
    system[0, 0] += 1
    system[-1, -1] += 1
    solved = np.linalg.solve(system, 6 * differences)
    return np.vstack([solved[:1], solved, solved[-1:]])
