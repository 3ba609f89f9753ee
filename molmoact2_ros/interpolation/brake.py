# SPDX-License-Identifier: Apache-2.0
"""From any state to rest: the end of every command."""

from __future__ import annotations

import math

import numpy as np
from ruckig import ControlInterface, InputParameter, Ruckig, RuckigError, Synchronization, Trajectory

from .motion import Motion, Vector

# A brake from any state within limits takes less than a second. A longer one starts far beyond every limit: the command
# then ends in motion, and safety refuses it for its speed or for the missing brake.
LONGEST_BRAKE_S = 2.0

# A controller refuses a trajectory that has ended when it arrives: one that only holds must outlast the way there.
SHORTEST_BRAKE_S = 0.1
SAME_POINT = 1e-6  # of a step: 0.1 s are five steps of 20 ms, not six


class Brake:
    """Bring each joint to rest as fast as its bounds allow, independently of the others."""

    def __init__(self, acceleration: Vector, jerk: Vector, step_s: float) -> None:
        """Bind to bounds [joints], per second squared and cubed, and to the grid of commands."""
        joints = len(acceleration)
        self._step_s = step_s
        self._ruckig = Ruckig(joints)
        self._trajectory = Trajectory(joints)
        self._input = InputParameter(joints)
        self._input.control_interface = ControlInterface.Velocity
        self._input.synchronization = Synchronization.No
        self._input.max_acceleration, self._input.max_jerk = acceleration, jerk
        self._input.target_velocity = self._input.target_acceleration = np.zeros(joints)

    def from_state(self, state: Motion) -> Motion:
        """Return the brake on the grid, without its start: [points, joints], SHORTEST_BRAKE_S at least, then at rest.

        Args:
            state: [joints], finite. A velocity or acceleration above the bounds is braked from as well.
        """
        self._input.current_position = state.positions
        self._input.current_velocity = state.velocities
        self._input.current_acceleration = state.accelerations
        try:
            self._ruckig.calculate(self._input, self._trajectory)
        except RuckigError:
            # Only numbers far beyond any robot get here; a command that does not end at rest is refused.
            return state[None]
        return self._sampled()

    def _sampled(self) -> Motion:
        duration_s = self._trajectory.duration
        planned_s = max(SHORTEST_BRAKE_S, min(duration_s, LONGEST_BRAKE_S))
        count = math.ceil(planned_s / self._step_s - SAME_POINT)
        points = [self._trajectory.at_time(index * self._step_s) for index in range(1, count + 1)]
        motion = Motion(*np.array(points).transpose(1, 0, 2))  # [points, 3, joints] -> 3 x [points, joints]
        if duration_s <= LONGEST_BRAKE_S:
            motion.velocities[-1] = motion.accelerations[-1] = 0.0  # Ruckig leaves rounding errors of 1e-15
        return motion
