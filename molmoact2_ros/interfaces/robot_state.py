# SPDX-License-Identifier: Apache-2.0
"""The robot as measured: plain data, as in msg/RobotState.msg."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RobotState:
    """Positions and velocities [joints] float64 in this package's units at `stamp_ns` (ROS time)."""

    stamp_ns: int
    names: tuple[str, ...]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    fault: int = 0
    fault_text: str = ""
