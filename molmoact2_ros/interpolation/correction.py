# SPDX-License-Identifier: Apache-2.0
"""A seam that changes the motion under way as little as its jerk allows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from molmoact2_ros.timing import S_PER_NS

from .motion import Motion, Times, Vector
from .seam import Seam, Timeline

# The answer to an offset is that of a third-order filter with time constant blend / 6: crossed after half a blend, a
# quarter of it, the overshoot, is left after a whole one, a fifth of that after two.
TIME_CONSTANTS = 6.0
# No time constant is shorter than a step between rows: a jerk that is constant for a step cannot answer faster, and the
# attempt to do so builds up.
LEAST_STEPS = 1.0
# Rows count less the later they are, by a time constant of blend / 3: newer chunks will have replaced them. Measured
# with `molmoact2 seams`: without, there is half as much jerk again at the seams, and the motion follows no closer.
TRUST = 3.0
# The timeline's rows need smoothing by a time constant of blend / 16, or of a step: from their third derivative as it
# comes, noise of 0.01 rad per row is carried 0.9 rad away. Smoothed it is 0.02 rad, and a sinusoid of 1 Hz loses 0.1 %.
SMOOTHING = 16.0
# What the way from the last row on costs, for offset, velocity and acceleration in units of the time constant: the
# solution of the Riccati equation of least offset and jerk for ever. Without it, corrections in quick succession near
# the end of a chunk's rows build up; with it they die out, whatever the rates (test_correction.py).
COST_TO_GO = np.array([[2.0, 2.0, 1.0], [2.0, 3.0, 2.0], [1.0, 2.0, 2.0]])


class Correction(Seam):
    """Lead the motion before the seam to `timeline` with the least sum of squares of distance and of jerk added.

    The jerk is constant between the times of rows. Chosen are those values j that minimise

        sum over rows    weight * |position - row|**2        the weight falls with the row's distance in time
      + sum over steps   (blend_s / 6)**6 * |j - j before|**2
      + what it would cost to go on from the last row

    so a chunk that agrees with the motion before changes nothing, and one that does not is approached without first
    running on at the speed of the motion it replaces. Nothing is limited here, as in a fade.
    """

    def __init__(
        self, timeline: Timeline, start_ns: int, state: Motion, blend_s: float, before: Seam | None = None
    ) -> None:
        """Plan from `state` [joints] at `start_ns`.

        Args:
            timeline: where to go.
            start_ns: time of the seam.
            state: of the robot there.
            blend_s: time in which an offset fades.
            before: the motion that `state` is on; None where there is none: the timeline's own jerk takes its place.
        """
        blend_s = max(blend_s, TIME_CONSTANTS * LEAST_STEPS * timeline.step_s)
        super().__init__(timeline, start_ns, state, blend_s)
        rows_ns = timeline.rows_after(start_ns)
        self._knots_ns = np.concatenate([[start_ns], rows_ns if len(rows_ns) else [start_ns + 1_000_000]])
        times_s = (self._knots_ns - start_ns) * S_PER_NS
        targets = _with_last_jerk(timeline.at(np.minimum(self._knots_ns, timeline.end_ns)), times_s)
        usual = _jerks(targets, times_s)
        if before is not None:
            known = int((self._knots_ns[1:] <= before.end_ns).sum())
            usual[:known] = _jerks(before.at(self._knots_ns[: known + 1]), times_s[: known + 1])
        missing = targets - _integrated(times_s, state, usual)
        self._jerks = usual + _least_change(times_s, missing[1:], blend_s)
        self._states = _integrated(times_s, state, self._jerks)

    def at(self, times_ns: Times) -> Motion:
        """Evaluate at times from the seam to `end_ns`; returns [times, joints]."""
        left = np.clip(np.searchsorted(self._knots_ns, times_ns, side="right") - 1, 0, len(self._jerks) - 1)
        elapsed_s = ((times_ns - self._knots_ns[left]) * S_PER_NS)[:, None]
        return _moved(self._states[left], self._jerks[left], elapsed_s)


def _with_last_jerk(targets: Motion, times_s: Vector) -> Motion:
    """Give the last step of a curve, which has no jerk since no row follows, that of the step before.

    With the curve's own, chunks that all describe the same sinusoid of 1 Hz are followed at a distance of 5 % of its
    amplitude; so it is 3 %.
    """
    if len(times_s) < 3:
        return targets
    jerk = _jerks(targets[-3:-1], times_s[-3:-1])
    last = _moved(targets[-2:-1], jerk, times_s[-1:, None] - times_s[-2])
    return Motion.joined([targets[:-1], replace(last, positions=targets.positions[-1:])])


def _jerks(motion: Motion, times_s: Vector) -> Vector:
    """Return the mean jerk between times, [times - 1, joints]."""
    return np.diff(motion.accelerations, axis=0) / np.diff(times_s)[:, None]


def _least_change(times_s: Vector, missing: Motion, blend_s: float) -> Vector:
    """Return the jerks [steps, joints] to add, given what is missing [steps, joints] at the end of each step."""
    steps_s, constant_s = np.diff(times_s), blend_s / TIME_CONSTANTS
    since = np.maximum(times_s[1:, None] - times_s[None, :], 0.0)  # from the beginning of a step to a row
    # What a unit of jerk in each step does to the position at each row, and to the state at the last one.
    reach = (since[:, :-1] ** 3 - since[:, 1:] ** 3) / 6
    last = np.stack([reach[-1], (since[-1, :-1] ** 2 - since[-1, 1:] ** 2) / 2, steps_s])
    trust = np.exp(-TRUST / blend_s * times_s[1:])
    powers = constant_s ** np.arange(3)
    to_go = trust[-1] * constant_s * COST_TO_GO * np.outer(powers, powers)
    missing_last = np.stack([missing.positions[-1], missing.velocities[-1], missing.accelerations[-1]])
    weighted = reach.T * (steps_s * trust)
    system = weighted @ reach + last.T @ to_go @ last + np.diag(constant_s**6 * steps_s)
    change: Vector = np.linalg.solve(system, weighted @ missing.positions + last.T @ to_go @ missing_last)
    return change


def _integrated(times_s: Vector, state: Motion, jerks: Vector) -> Motion:
    """Return the states at all times [times, joints] of a motion that begins with `state` [joints]."""
    states = [state[None]]
    for jerk, step_s in zip(jerks, np.diff(times_s), strict=True):
        states.append(_moved(states[-1], jerk[None], np.array([[step_s]])))
    return Motion.joined(states)


def _moved(states: Motion, jerks: Vector, elapsed_s: Vector) -> Motion:
    """Return [times, joints] states after times [times, 1] of constant jerk."""
    t, a = elapsed_s, states.accelerations
    return Motion(
        positions=states.positions + t * states.velocities + t**2 / 2 * a + t**3 / 6 * jerks,
        velocities=states.velocities + t * a + t**2 / 2 * jerks,
        accelerations=a + t * jerks,
    )
