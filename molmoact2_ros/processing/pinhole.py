# SPDX-License-Identifier: Apache-2.0
"""Where in space an image's depth lies: a pinhole camera. numpy.

Axes: H W rows and columns of a depth map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import ProcessingError


@dataclass(frozen=True)
class Pinhole:
    """A calibrated camera without lens distortion.

    Attributes:
        width: of its images, px.
        height: of its images, px.
        fx: focal length along the columns, px.
        fy: focal length along the rows, px.
        cx: column of the optical axis, px; 0 is the centre of the first pixel.
        cy: row of the optical axis, px.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        numbers = np.array((self.width, self.height, self.fx, self.fy, self.cx, self.cy))
        if not np.isfinite(numbers).all() or min(self.width, self.height, self.fx, self.fy) <= 0:
            raise ProcessingError(
                f"the camera is not calibrated: expected positive sizes and focal lengths, got {self.width} x "
                f"{self.height} px with focal lengths {self.fx:g} and {self.fy:g} px"
            )

    def points(self, depth_m: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the point of each cell of a depth map that covers the whole image, whatever its number of cells.

        Args:
            depth_m: [H, W] along the optical axis, m.

        Returns:
            float32 [H, W, 3] in m: x to the right, y down, z forward, as in ROS's optical frames.
        """
        rows, columns = depth_m.shape
        u = (np.arange(columns) + 0.5) * self.width / columns - 0.5
        v = (np.arange(rows) + 0.5) * self.height / rows - 0.5
        across = (u[None] - self.cx) / self.fx * depth_m
        down = (v[:, None] - self.cy) / self.fy * depth_m
        return np.stack((across, down, depth_m), axis=-1).astype(np.float32)
