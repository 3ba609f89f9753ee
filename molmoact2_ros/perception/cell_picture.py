# SPDX-License-Identifier: Apache-2.0
"""One picture of the first camera, cut into the cells of the depth grid.

Axes: C cells in reading order, N values of a cell, B values of a cell's blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.processing.depth_cells import CELL_PX, cell_values, row_products
from molmoact2_ros.processing.images import ByteImage

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]

BLOCK_PX = 4  # averaged over as many pixels squared, noise falls and the edges of objects stay
_BLOCKS = CELL_PX // BLOCK_PX


@dataclass(frozen=True, eq=False)
class CellPicture:
    """Cells of one frame, or each cell of its own.

    Attributes:
        values: [C, N] RGB, 0 to 255.
        exposure: [C] brightness of the frame that a cell is from, relative to the other cells' frames.
    """

    values: FloatArray
    exposure: FloatArray

    @classmethod
    def of(cls, image: ByteImage, grid: int) -> CellPicture:
        """Cut an upright RGB image into grid x grid cells."""
        values = cell_values(image, grid)
        return cls(values, np.ones(len(values), np.float32))

    @cached_property
    def lengths(self) -> FloatArray:
        """[C] Euclidean length of each cell."""
        return np.sqrt(row_products(self.values, self.values))

    @cached_property
    def blocks(self) -> FloatArray:
        """[C, B] means of 4 x 4 px, per channel."""
        # Sums by slices: numpy's mean over short inner axes takes three times as long.
        rows = self.values.reshape(-1, BLOCK_PX, CELL_PX * 3)
        columns = reduce(np.add, (rows[:, row] for row in range(BLOCK_PX))).reshape(-1, BLOCK_PX, 3)
        sums = reduce(np.add, (columns[:, column] for column in range(BLOCK_PX)))
        means: FloatArray = sums.reshape(len(self.values), _BLOCKS * _BLOCKS * 3) / np.float32(BLOCK_PX**2)
        return means

    @cached_property
    def means(self) -> FloatArray:
        """[C] mean of each cell; at least 1, so that it may divide."""
        return np.maximum(self.blocks.mean(axis=1), np.float32(1))

    def gain_to(self, other: CellPicture) -> float:
        """Return how much brighter another picture, of one frame, is than this one's exposure 1.

        A median: most cells show what they showed before, and a camera's exposure changes all of them alike.
        """
        return float(np.median(other.means * self.exposure / self.means))

    def with_cells_of(self, other: CellPicture, chosen: Mask) -> CellPicture:
        """Return this picture with some cells, [C] True, taken from another, of one frame."""
        return CellPicture(
            np.where(chosen[:, None], other.values, self.values),
            np.where(chosen, np.float32(self.gain_to(other)), self.exposure),
        )
