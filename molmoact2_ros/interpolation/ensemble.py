# SPDX-License-Identifier: Apache-2.0
"""The weighted mean of the chunks in force."""

from __future__ import annotations

import numpy as np

from molmoact2_ros.timing import S_PER_NS

from .curve import Curve
from .motion import Motion, Times, Vector


class Ensemble:
    """Chunks averaged with the weights of ACT, exp(-decay * i), chunk 0 the oldest (Zhao et al. 2023, algorithm 2).

    A chunk's weight fades before its last row, so that its end is no step. The newest keeps its own until the end: the
    timeline ends with it.
    """

    def __init__(self, curves: list[Curve], decay: float, fade_s: float) -> None:
        """Average `curves`, at least one, oldest first; older ones fade in the last `fade_s` of their rows."""
        self._curves, self._decay, self._fade_s = curves, decay, fade_s
        self._newest = curves[-1]
        self.sequence, self.step_s = self._newest.sequence, self._newest.step_s
        self.start_ns, self.end_ns = self._newest.start_ns, self._newest.end_ns

    def rows_after(self, time_ns: int) -> Times:
        """Return the times of the newest chunk's rows behind `time_ns`."""
        return self._newest.rows_after(time_ns)

    def at(self, times_ns: Times) -> Motion:
        """Evaluate at times from the newest chunk's start to `end_ns`; returns [times, joints]."""
        distances = [curve.at(np.minimum(times_ns, curve.end_ns)) for curve in self._curves[:-1]]
        newest = self._newest.at(times_ns)
        # In terms of the distance from the newest chunk, the mean is a fraction: sum of weighted distances by weights.
        weights = [self._weight(index, curve, times_ns) for index, curve in enumerate(self._curves[:-1])]
        own = np.exp(-self._decay * (len(self._curves) - 1))
        total = Motion(
            own + sum(weight.positions for weight in weights),
            sum((weight.velocities for weight in weights), np.zeros((1, 1))),
            sum((weight.accelerations for weight in weights), np.zeros((1, 1))),
        )
        zero = Motion.resting(np.zeros_like(newest.positions))
        moment = sum((_product(w, d - newest) for w, d in zip(weights, distances, strict=True)), zero)
        return newest + _quotient(moment, total)

    def _weight(self, index: int, curve: Curve, times_ns: Times) -> Motion:
        """Return a chunk's weight with its derivatives, [times, 1]."""
        left = np.clip((curve.end_ns - times_ns) * S_PER_NS / self._fade_s, 0.0, 1.0)[:, None]
        scale = np.exp(-self._decay * index)
        return Motion(
            scale * _step(left),
            -scale * 30 * left**2 * (1 - left) ** 2 / self._fade_s,
            scale * 60 * left * (1 - left) * (1 - 2 * left) / self._fade_s**2,
        )


def _step(x: Vector) -> Vector:
    """Rise from 0 at 0 to 1 at 1, with no slope and no curvature at either."""
    return x**3 * (10 - 15 * x + 6 * x**2)


def _product(weight: Motion, motion: Motion) -> Motion:
    return Motion(
        weight.positions * motion.positions,
        weight.velocities * motion.positions + weight.positions * motion.velocities,
        weight.accelerations * motion.positions
        + 2 * weight.velocities * motion.velocities
        + weight.positions * motion.accelerations,
    )


def _quotient(moment: Motion, total: Motion) -> Motion:
    position = moment.positions / total.positions
    velocity = (moment.velocities - position * total.velocities) / total.positions
    acceleration = moment.accelerations - 2 * velocity * total.velocities - position * total.accelerations
    return Motion(position, velocity, acceleration / total.positions)
