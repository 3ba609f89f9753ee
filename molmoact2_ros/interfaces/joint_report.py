# SPDX-License-Identifier: Apache-2.0
"""What a driver says about its joints: plain data, as in sensor_msgs/JointState."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class DriverReport:
    """Positions and velocities [joints] float64 in the driver's names, order and units; velocities may be empty.

    `sequence` is the number of the report among its publisher's; None where the middleware does not give it.
    """

    stamp_ns: int
    names: tuple[str, ...]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    sequence: int | None = None
