# SPDX-License-Identifier: Apache-2.0
"""The grid of depth codes over an image: the image in which cells are compared, and the reference's comparison.

Source: allenai/molmoact2 update mask of the adaptive depth reasoning: first camera, raw RGB, Pillow's bilinear resize
to 32 px a cell, a cell changes when the cosine of its two vectors of pixels is below 0.996.
Axes: G cells along a side, C = G * G cells in reading order, N = 32 * 32 * 3 values of a cell (row, column, channel).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .images import ByteImage, require_image

FloatArray = NDArray[np.float32]

CELL_PX = 32
REFERENCE_COSINE = 0.996
_DARK = 1e-8  # product of lengths below which two cells are black, and alike


def cell_pixels(image: ByteImage, grid: int) -> NDArray[np.uint8]:
    """Resize an image to 32 px a cell and cut it into cells.

    Pillow's resize is the definition and also what runs: its two passes of fixed-point sums take 2.1 ms for 640 x 480
    on one core. The same sums as products with sparse integer matrices give the same bytes and take 7.7 ms.

    Args:
        image: uint8 [H, W, 3], RGB, upright.
        grid: G.

    Returns:
        uint8 [C, N].

    Raises:
        ProcessingError: `image` is not a colour image.
    """
    from PIL import Image

    side = grid * CELL_PX
    scaled = Image.fromarray(require_image(image)).resize((side, side), Image.Resampling.BILINEAR)
    cells = np.asarray(scaled).reshape(grid, CELL_PX, grid, CELL_PX * 3).transpose(0, 2, 1, 3)  # [G, G, 32, 96]
    return cells.reshape(grid * grid, -1)


def cell_values(image: ByteImage, grid: int) -> FloatArray:
    """Return the pixels of `cell_pixels` as float32 [C, N], 0 to 255."""
    return cell_pixels(image, grid).astype(np.float32)


def row_products(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the scalar product [C] of each row of two arrays [C, N].

    A product of matrices, because its sums lose less in float32: einsum's are off by 6e-6 of the result, which turns
    cosines next to the threshold.
    """
    products: FloatArray = np.matmul(first[:, None, :], second[:, :, None]).reshape(-1)
    return products


def cosines(first: FloatArray, second: FloatArray, lengths: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Return the cosine [C] between the cells of two images; 1 where both are black.

    Args:
        first: [C, N].
        second: [C, N].
        lengths: Euclidean length of each cell of the two, [C] each.
    """
    product = lengths[0] * lengths[1]
    dots = row_products(first, second)
    return np.where(product < _DARK, np.float32(1), dots / (product + np.float32(1e-12)))
