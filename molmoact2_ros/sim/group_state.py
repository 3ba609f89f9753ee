# SPDX-License-Identifier: Apache-2.0
"""What one driver reports of its joints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class SimulatedGroupState:
    """What a driver reports: names, positions, velocities and efforts [joints], the driver's units."""

    names: tuple[str, ...]
    positions: Vector
    velocities: Vector
    efforts: Vector
