# SPDX-License-Identifier: Apache-2.0
"""One picture of the first camera, cut into the cells of the depth grid.

Axes: C cells in reading order, N values of a cell, B values of a cell's blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.processing.depth_cells import CELL_PX, cell_pixels, row_products
from molmoact2_ros.processing.images import ByteImage

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]

BLOCK_PX = 4  # averaged over as many pixels squared, noise falls and the edges of objects stay


@dataclass(frozen=True, eq=False)
class CellPicture:
    """Cells of one frame, or each cell of its own.

    Attributes:
        pixels: uint8 [C, N] RGB.
        blocks: [C, B] means of 4 x 4 px, per channel.
        exposure: [C] brightness of the frame that a cell is from, relative to the other cells' frames.
    """

    pixels: NDArray[np.uint8]
    blocks: FloatArray
    exposure: FloatArray

    @classmethod
    def of(cls, image: ByteImage, grid: int) -> CellPicture:
        """Cut an upright RGB image into grid x grid cells."""
        pixels = cell_pixels(image, grid)
        return cls(pixels, _block_means(pixels), np.ones(len(pixels), np.float32))

    @cached_property
    def values(self) -> FloatArray:
        """[C, N] the pixels as numbers."""
        return self.pixels.astype(np.float32)

    @cached_property
    def lengths(self) -> FloatArray:
        """[C] Euclidean length of each cell."""
        return np.sqrt(row_products(self.values, self.values))

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
        pixels, blocks, exposure = self.pixels.copy(), self.blocks.copy(), self.exposure.copy()
        pixels[chosen], blocks[chosen] = other.pixels[chosen], other.blocks[chosen]
        exposure[chosen] = self.gain_to(other)
        return CellPicture(pixels, blocks, exposure)


def _block_means(pixels: NDArray[np.uint8]) -> FloatArray:
    # Sums by slices: numpy's sum over short inner axes takes three times as long.
    rows = pixels.reshape(-1, BLOCK_PX, CELL_PX * 3)
    down = sum((rows[:, row] for row in range(1, BLOCK_PX)), start=rows[:, 0].astype(np.uint16))
    columns = down.reshape(-1, BLOCK_PX, 3)
    across = sum((columns[:, column] for column in range(1, BLOCK_PX)), start=columns[:, 0])
    return across.reshape(len(pixels), -1).astype(np.float32) / np.float32(BLOCK_PX**2)
