# SPDX-License-Identifier: Apache-2.0
"""The first motion after arming or starvation: a bounded way from rest onto a timeline that moves."""

from __future__ import annotations

import numpy as np
from ruckig import InputParameter, Ruckig, RuckigError, Trajectory

from molmoact2_ros.timing import S_PER_NS

from .bounds import Bounds
from .motion import Motion, Times, Vector
from .seam import Timeline

SAME_TIME_S = 1e-9
NEVER_NS = 2**63 - 1


class Ramp:
    """Join `timeline` within bounds, at the earliest time on the command's grid that allows it, then follow it.

    Where no time on it can be joined (too far, or faster than the bounds), go towards its last row and rest
    there; the next chunk brings the next try. `joined_ns` is then NEVER_NS.
    """

    def __init__(self, timeline: Timeline, start_ns: int, state: Motion, bounds: Bounds, period_ns: int) -> None:
        """Plan from `state` [joints] at `start_ns`.

        Raises:
            RuckigError: not even the last row can be reached; only numbers far beyond any robot do that.
        """
        joints = len(state.positions)
        self.end_ns = timeline.end_ns
        self._timeline = timeline
        self._start_ns = start_ns
        self._ruckig, self._trajectory = Ruckig(joints), Trajectory(joints)
        self._input = ruckig_input(state, bounds)
        times_ns = np.arange(start_ns + period_ns, timeline.end_ns + 1, period_ns)
        self.joined_ns = self._join(times_ns, bounds)

    def at(self, times_ns: Times) -> Motion:
        """Evaluate at times from the start to `end_ns`; returns [times, joints]."""
        on_timeline = self._timeline.at(times_ns[times_ns >= self.joined_ns])
        elapsed_s = (times_ns[times_ns < self.joined_ns] - self._start_ns) * S_PER_NS
        if not len(elapsed_s):
            return on_timeline
        points = np.array([self._trajectory.at_time(moment_s) for moment_s in elapsed_s])
        on_ramp = Motion(*points.transpose(1, 0, 2))  # [times, 3, joints] -> 3 x [times, joints]
        return Motion.joined([on_ramp, on_timeline])

    def _join(self, times_ns: Times, bounds: Bounds) -> int:
        """Plan to the first time that can be met; return it, or NEVER_NS."""
        if len(times_ns):
            targets = self._timeline.at(times_ns)
            for index in map(int, np.flatnonzero(bounds.hold_at(targets))):
                if self._meets(targets[index], (times_ns[index] - self._start_ns) * S_PER_NS):
                    return int(times_ns[index])
        self._rest_at(self._timeline.at(np.array([self._timeline.end_ns]))[0].positions)
        return NEVER_NS

    def _meets(self, target: Motion, duration_s: float) -> bool:
        self._input.target_position = target.positions
        self._input.target_velocity = target.velocities
        self._input.target_acceleration = target.accelerations
        self._input.minimum_duration = duration_s
        try:
            self._ruckig.calculate(self._input, self._trajectory)
        except RuckigError:
            return False  # Ruckig cannot turn this state into that one within the velocity bound
        return abs(self._trajectory.duration - duration_s) < SAME_TIME_S

    def _rest_at(self, position: Vector) -> None:
        self._input.target_position = position
        self._input.target_velocity = self._input.target_acceleration = np.zeros_like(position)
        self._input.minimum_duration = None
        self._ruckig.calculate(self._input, self._trajectory)


def ruckig_input(state: Motion, bounds: Bounds) -> InputParameter:
    """Return what Ruckig is given of a start and of bounds."""
    given = InputParameter(len(state.positions))
    given.current_position = state.positions
    given.current_velocity = state.velocities
    given.current_acceleration = state.accelerations
    given.max_velocity, given.max_acceleration, given.max_jerk = bounds.velocity, bounds.acceleration, bounds.jerk
    return given
