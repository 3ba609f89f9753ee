# SPDX-License-Identifier: Apache-2.0
"""Camera images as the vision encoder takes them: exact bilinear resize, patches, pooling windows.

One level of an 8-bit pixel is 0.0078 after scaling, far above the tolerance of the parity tests, so the resize
reproduces the reference's arithmetic to the bit.

Source: allenai/molmoact2 image processing (torchvision bilinear resize without antialiasing on uint8 tensors).
Axes: H W image rows and columns, h w resized, P patches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ProcessingError

ByteImage = NDArray[np.uint8]
FloatArray = NDArray[np.float32]
IndexArray = NDArray[np.int64]

_PIXEL_LEVELS: FloatArray = np.arange(256, dtype=np.float32) / np.float32(255) * 2 - 1

# Two ways to compute a value of at most 255 in float32, each with under ten roundings of at most 255 * 2**-24,
# differ by less than 3e-4. Values nearer than this to a rounding edge are computed again.
_EDGE = np.float32(1e-3)
# The float32 rows of a block (32 x 378 px x RGB: 145 kB) stay in a core's cache.
_BLOCK_ROWS = 32


def require_image(image: Any) -> ByteImage:
    """Return `image` if it is a colour image.

    Raises:
        ProcessingError: it is not a uint8 array of shape [H, W, 3].
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ProcessingError(f"An image must be a uint8 array of shape (height, width, 3) in RGB, got {got}.")
    if image.size == 0:
        raise ProcessingError(f"An image must have pixels, got the shape {image.shape}.")
    return image


def resize_bilinear(image: ByteImage, size: tuple[int, int]) -> ByteImage:
    """Resize without antialiasing and without keeping the aspect ratio.

    The definition, in float32: the value between two pixels is `fma(1 - w, a, w * b)`, first along rows, then along
    columns, rounded half to even. Plain float32 arithmetic is near enough for all pixels but those next to a rounding
    edge, so only these are computed by the definition.

    Args:
        image: uint8 [H, W, 3], RGB.
        size: (h, w).

    Returns:
        uint8 [h, w, 3]; the image itself where it has this size already.

    Raises:
        ProcessingError: `image` is not a colour image.
    """
    image = require_image(image)
    if image.shape[:2] == tuple(size):
        return image
    rows = _axis(image.shape[0], size[0])
    columns = _axis(image.shape[1], size[1])
    pixels = image.reshape(image.shape[0], -1)  # [H, W * 3]
    resized = np.empty((size[0], size[1] * 3), dtype=np.uint8)  # [h, w * 3]
    blocks = (range(start, min(start + _BLOCK_ROWS, size[0])) for start in range(0, size[0], _BLOCK_ROWS))
    doubtful = [_resize_rows(pixels, rows, columns, resized, block) for block in blocks]
    _settle(pixels, rows, columns, resized, np.concatenate(doubtful))
    return resized.reshape(*size, 3)


@dataclass(frozen=True, eq=False)
class _Axis:
    """The two source pixels of every output pixel along one axis, and the weight of the second; each [n_out].

    `interleaved_*` are the same for rows of RGB values, each [n_out * 3].
    """

    first: IndexArray
    second: IndexArray
    weight: FloatArray
    interleaved_first: IndexArray
    interleaved_second: IndexArray
    interleaved_weight: FloatArray


@lru_cache(maxsize=32)
def _axis(n_in: int, n_out: int) -> _Axis:
    # float64 holds scale * (i + 0.5) - 0.5 without error, so that the cast is the single rounding of an fma.
    scale = np.float64(np.float32(n_in) / np.float32(n_out))
    centre = (scale * (np.arange(n_out) + 0.5) - 0.5).astype(np.float32)
    centre = np.maximum(centre, np.float32(0))
    first = np.minimum(centre.astype(np.int64), n_in - 1)
    second = np.minimum(first + 1, n_in - 1)
    weight = centre - first.astype(np.float32)
    return _Axis(first, second, weight, _interleave(first), _interleave(second), np.repeat(weight, 3))


def _interleave(pixel: IndexArray) -> IndexArray:
    return (pixel[:, None] * 3 + np.arange(3)).ravel()


def _resize_rows(pixels: ByteImage, rows: _Axis, columns: _Axis, resized: ByteImage, block: range) -> IndexArray:
    """Fill the output rows of a block and return the flat indices of the values that need `_settle`."""
    span = slice(block.start, block.stop)
    top = rows.first[block.start]
    source = pixels[top : rows.second[block.stop - 1] + 1]  # [rows, W * 3]
    left = source.take(columns.interleaved_first, axis=1).astype(np.float32)  # [rows, w * 3]
    right = source.take(columns.interleaved_second, axis=1).astype(np.float32)
    across = _lerp_in_place(left, right, columns.interleaved_weight)
    upper = across.take(rows.first[span] - top, axis=0)  # [block, w * 3]
    lower = across.take(rows.second[span] - top, axis=0)
    value = _lerp_in_place(upper, lower, rows.weight[span, None])
    value += np.float32(0.5) - _EDGE
    down = value.astype(np.int32)
    value += 2 * _EDGE
    resized[span] = down
    return np.flatnonzero(down != value.astype(np.int32)) + block.start * resized.shape[1]


def _lerp_in_place(a: FloatArray, b: FloatArray, weight: FloatArray) -> FloatArray:
    """Return a + weight * (b - a), which overwrites `b`: a fresh array per step would cost more than the arithmetic."""
    b -= a
    b *= weight
    b += a
    return b


def _settle(pixels: ByteImage, rows: _Axis, columns: _Axis, resized: ByteImage, doubtful: IndexArray) -> None:
    """Compute the values at the flat indices `doubtful` by the definition and store them in `resized`."""
    y, x = np.divmod(doubtful, resized.shape[1])
    left, right, weight = columns.interleaved_first[x], columns.interleaved_second[x], columns.interleaved_weight[x]
    upper = _lerp_fma(pixels[rows.first[y], left], pixels[rows.first[y], right], weight)
    lower = _lerp_fma(pixels[rows.second[y], left], pixels[rows.second[y], right], weight)
    value = _lerp_fma(upper, lower, rows.weight[y])
    resized[y, x] = np.minimum(np.rint(value), 255)


def _lerp_fma(a: NDArray[Any], b: NDArray[Any], weight: FloatArray) -> FloatArray:
    """Return fma(1 - weight, a, weight * b) in float32; float64 holds product and sum before the one rounding."""
    remainder = np.float32(1) - weight
    product = weight * b.astype(np.float32)
    return (remainder.astype(np.float64) * a + product).astype(np.float32)


def patchify(image: ByteImage, patch_size: int) -> FloatArray:
    """Cut an image into patches and scale its pixels to -1 to 1.

    Args:
        image: uint8 [h, w, 3]; h and w are multiples of `patch_size`.
        patch_size: side of a patch in pixels.

    Returns:
        float32 [P, patch_size * patch_size * 3], patches in reading order, each as (row, column, channel).

    Raises:
        ProcessingError: the sides are not multiples of `patch_size`.
    """
    height, width, channels = image.shape
    if height % patch_size or width % patch_size:
        raise ProcessingError(f"An image of {height} x {width} does not divide into patches of {patch_size} pixels.")
    rows, columns = height // patch_size, width // patch_size
    grid = image.reshape(rows, patch_size, columns, patch_size, channels)
    patches = grid.transpose(0, 2, 1, 3, 4).reshape(rows * columns, -1)  # [P, patch * patch * 3]
    return _PIXEL_LEVELS[patches]


def pooling_windows(grid: tuple[int, int], pool: tuple[int, int] = (2, 2)) -> IndexArray:
    """Group the patches of an image into windows, padding a grid that does not divide.

    Args:
        grid: patch rows and columns.
        pool: rows and columns of a window.

    Returns:
        int64 [W, pool rows * pool columns] patch indices, windows in reading order; -1 outside the image.
    """
    missing = [-side % step for side, step in zip(grid, pool, strict=True)]
    padding = [(count // 2, (count + 1) // 2) for count in missing]
    patches = np.arange(grid[0] * grid[1], dtype=np.int64).reshape(grid)
    padded = np.pad(patches, padding, constant_values=-1)
    windows = padded.reshape(padded.shape[0] // pool[0], pool[0], padded.shape[1] // pool[1], pool[1])
    return windows.transpose(0, 2, 1, 3).reshape(-1, pool[0] * pool[1])  # [W, dy * dx]
