# SPDX-License-Identifier: Apache-2.0
"""What was seen of one fault: where the arm really was, and who was sent commands. Plain data, no ROS."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

JUMP_S = 0.3  # stamps that part from arrivals by more within one message: the clock was set


@dataclass
class Recording:
    """One row per message of the arm's true motion, and one per command.

    `arrived_s` and the times of `commands` are of the observer's steady clock, `stamps_s` are ROS time; rows of
    `positions` and `velocities` are [joints]. `commands` holds when a command was seen, and on which topic.
    `clock_may_jump`: stamps that part from arrivals mean that ROS time was set, not that a process stood still.
    `ended_s`: when the fault was taken back, steady clock; nothing may be commanded or moved from then on.
    """

    clock_may_jump: bool = False
    ended_s: float = np.inf

    arrived_s: list[float] = field(default_factory=list)
    stamps_s: list[float] = field(default_factory=list)
    positions: list[Vector] = field(default_factory=list)
    velocities: list[Vector] = field(default_factory=list)
    commands: list[tuple[float, str]] = field(default_factory=list)

    def add(self, arrived_s: float, stamp_s: float, positions: Vector, velocities: Vector) -> None:
        """Append one row of motion."""
        self.arrived_s.append(arrived_s)
        self.stamps_s.append(stamp_s)
        self.positions.append(positions)
        self.velocities.append(velocities)

    def times_s(self) -> Vector:
        """Return when each row was measured, on the steady clock [rows].

        Arrivals contain this process's delays as well; stamps do not, but they jump with the clock. So spans are those
        of the stamps, those over a jump of the clock excepted, and the quickest arrival ties them to the steady clock.
        """
        arrived, stamps = np.array(self.arrived_s), np.array(self.stamps_s)
        if not len(stamps):
            return stamps
        spans = np.diff(stamps)
        if self.clock_may_jump:
            jumped = np.abs(spans - np.diff(arrived)) > JUMP_S
            spans[jumped] = np.diff(arrived)[jumped]
        times = np.concatenate([[0.0], np.cumsum(spans)])
        return times + float(np.min(arrived - times))

    def velocities_at(self, stamp_s: float) -> Vector | None:
        """Return the velocities [joints] at a ROS time; None before the first row and after the last."""
        row = int(np.searchsorted(self.stamps_s, stamp_s))
        return self.velocities[row] if 0 < row < len(self.velocities) else None
