# SPDX-License-Identifier: Apache-2.0
"""A trajectory as a controller receives it: the content of trajectory_msgs/JointTrajectory without ROS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class JointTrajectory:
    """Points in the driver's names and units.

    Attributes:
        start_ns: time of `times_s` 0, ROS time; 0 means the moment of reception.
        names: joints, in any order.
        times_s: [points] seconds since start.
        positions: [points, joints].
        velocities: [points, joints], or None: the controller then interpolates linearly.
    """

    start_ns: int
    names: tuple[str, ...]
    times_s: NDArray[np.float64]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64] | None = None
