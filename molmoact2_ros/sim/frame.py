# SPDX-License-Identifier: Apache-2.0
"""One camera image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class RenderedFrame:
    """One image, with the time of its exposure (ROS time) and what it cost to render."""

    role: str
    stamp_ns: int
    pixels: Image
    render_s: float
