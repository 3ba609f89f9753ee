# SPDX-License-Identifier: Apache-2.0
"""Depth images as files: read them in metres, and fill what the sensor did not see.

Axes: H W rows and columns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import ProcessingError
from .images import ByteImage

Map = NDArray[np.float32]

MILLIMETRE = 0.001
DEPTH_SUFFIXES = (".png", ".npy")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
MOST_MISSING = 0.5


def read_depth_map(path: Path, unit_m: float = MILLIMETRE) -> Map:
    """Read a depth map: a PNG of 16 bits, or an NPY of floating-point metres.

    Args:
        path: the file.
        unit_m: what 1 in a PNG means.

    Returns:
        float32 [H, W] in m; NaN where nothing was measured (0 in a PNG; 0, negative or not finite in an NPY).

    Raises:
        ProcessingError: it is no such file.
    """
    depth_m = _read_npy(path) if path.suffix.lower() == ".npy" else _read_png(path, unit_m)
    return np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.nan).astype(np.float32)


def read_picture(path: Path) -> ByteImage:
    """Read a colour image: uint8 [H, W, 3].

    Raises:
        ProcessingError: it is none.
    """
    from PIL import Image

    try:
        with Image.open(path) as file:
            if file.mode.startswith(("I", "F")):
                raise ProcessingError(f"{path} is a depth image, not a colour image: leave --teacher out")
            return np.asarray(file.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise ProcessingError(f"{path} cannot be read ({error}): expected PNG or JPEG") from error


def fill_missing(depth_m: Map, name: object) -> Map:
    """Give each pixel that was not measured the depth of the nearest one in its row, else of the nearest row.

    Args:
        depth_m: [H, W] in m, NaN where missing.
        name: of the map, for the error.

    Raises:
        ProcessingError: more than half of the map is missing; what is made up would outweigh what was seen.
    """
    missing: NDArray[np.bool_] = np.isnan(depth_m)
    if missing.mean() > MOST_MISSING:
        raise ProcessingError(
            f"{name}: {100 * missing.mean():.0f} % of the pixels have no depth, of which at most "
            f"{100 * MOST_MISSING:.0f} % can be filled; leave this map out, or look at the sensor"
        )
    if not missing.any():
        return depth_m
    empty = np.asarray(missing.all(axis=1))
    rows = _nearest(~empty[None])[0]  # [H]
    columns = _nearest(~missing[rows])  # [H, W]
    return np.take_along_axis(depth_m[rows], columns, axis=1)


def _nearest(known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each place of each row the index of the nearest known one in it; a row without any gets 0."""
    width = known.shape[1]
    index = np.broadcast_to(np.arange(width), known.shape)
    before = np.maximum.accumulate(np.where(known, index, -width), axis=1)
    after = np.minimum.accumulate(np.where(known, index, 2 * width)[:, ::-1], axis=1)[:, ::-1]
    nearest = np.where(index - before <= after - index, before, after)
    return np.where(known.any(axis=1, keepdims=True), nearest, 0)


def _read_npy(path: Path) -> NDArray[np.floating]:
    try:
        depth_m = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ProcessingError(f"{path} is no NPY file of numbers ({error}): write it with numpy.save") from error
    if not isinstance(depth_m, np.ndarray) or depth_m.ndim != 2 or depth_m.dtype.kind != "f" or not depth_m.size:
        got = f"{depth_m.dtype} {depth_m.shape}" if isinstance(depth_m, np.ndarray) else "an archive"
        raise ProcessingError(f"{path}: expected floating-point metres [height, width], got {got}")
    return depth_m


def _read_png(path: Path, unit_m: float) -> NDArray[np.floating]:
    from PIL import Image

    try:
        with Image.open(path) as file:
            if not file.mode.startswith("I"):
                raise ProcessingError(
                    f"{path} is an image of mode {file.mode}, not a depth image of 16 bits: with --teacher "
                    "depth-anything its depth is estimated"
                )
            return np.asarray(file, dtype=np.float64) * unit_m
    except (OSError, SyntaxError) as error:
        raise ProcessingError(f"{path} cannot be read ({error}): expected PNG of 16 bits, or NPY in metres") from error
