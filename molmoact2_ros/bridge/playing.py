# SPDX-License-Identifier: Apache-2.0
"""Where a controller is within a command: what a joint trajectory controller samples from it, nearly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import JointCommand

Vector = NDArray[np.float64]


def sample(command: JointCommand, time_ns: int) -> tuple[Vector, Vector]:
    """Return positions and velocities [joints] at a ROS time; before the start those of point 0, after the end at rest.

    Straight lines between points suffice: at 10 rad/s2 and 20 ms the cubic is off them by 0.5 mrad.
    """
    place = (time_ns - command.start_ns) * 1e-9 / command.step_s
    last = len(command.positions) - 1
    left = int(np.clip(place, 0, last - 1))
    part = float(np.clip(place - left, 0.0, 1.0))
    positions, velocities = (
        (1.0 - part) * values[left] + part * values[left + 1] for values in (command.positions, command.velocities)
    )
    return positions, velocities
