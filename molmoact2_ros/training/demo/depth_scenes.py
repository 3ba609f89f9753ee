# SPDX-License-Identifier: Apache-2.0
"""What the demo's depth reasoning is taught: states, images, and the depth codes that belong to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.processing.images import ByteImage


@dataclass(frozen=True, eq=False)
class DepthScenes:
    """Scenes of one robot.

    Attributes:
        states: float64 [N, D] in the package's units.
        images: for each scene one image per camera, in the order of training.
        codes: int64 [N, C] of the first camera's grid, in reading order, from 0.
        codec: whose codes they are.
    """

    states: NDArray[np.float64]
    images: list[list[ByteImage]]
    codes: NDArray[np.int64]
    codec: str
