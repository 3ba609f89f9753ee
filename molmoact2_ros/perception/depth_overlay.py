# SPDX-License-Identifier: Apache-2.0
"""Draw depth codes over the frame that they were decoded from, for people.

A code is an entry of the codebook that the depth labels were made with. Without that codebook's decoder it has no
length in metres, and two neighbouring numbers need not be neighbouring depths: the colours distinguish codes, no more.

Axes: G cells along a side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.processing.images import ByteImage

CODE_SHARE = 0.55  # of a pixel's colour; the rest is the camera's
OUTLINE = np.array((255, 255, 255), np.uint8)
# Dark blue to yellow by way of green: even steps of lightness, which also those see who do not see red.
_COLOURS = np.array(((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)), np.float64)


def draw_depth(frame: ByteImage, codes: NDArray[np.uint16], decoded: NDArray[np.bool_], num_codes: int) -> ByteImage:
    """Lay the colours of the codes over a frame and outline the cells that were decoded from it.

    Args:
        frame: uint8 [H, W, 3], RGB, upright.
        codes: [G, G], 0 to num_codes - 1.
        decoded: [G, G] True: decoded from this frame; False: kept from an earlier one.
        num_codes: of the checkpoint.

    Returns:
        uint8 [H, W, 3].
    """
    rows, columns = _edges(frame.shape[0], codes.shape[0]), _edges(frame.shape[1], codes.shape[1])
    tint = _colours(codes, num_codes).repeat(np.diff(rows), axis=0).repeat(np.diff(columns), axis=1)
    drawn = (CODE_SHARE * tint + (1 - CODE_SHARE) * frame).round().astype(np.uint8)
    for row, column in np.argwhere(decoded):
        _outline(drawn[rows[row] : rows[row + 1], columns[column] : columns[column + 1]])
    return drawn


def _edges(length: int, cells: int) -> NDArray[np.int64]:
    return np.linspace(0, length, cells + 1).round().astype(np.int64)


def _colours(codes: NDArray[np.uint16], num_codes: int) -> NDArray[np.float64]:
    places = np.linspace(0, max(1, num_codes - 1), len(_COLOURS))
    return np.stack([np.interp(codes, places, channel) for channel in _COLOURS.T], axis=-1)


def _outline(cell: ByteImage) -> None:
    """Draw the border of a cell, in place; neighbours that are outlined too show a double line."""
    edges: Sequence[ByteImage] = (cell[0], cell[-1], cell[:, 0], cell[:, -1])
    for edge in edges:
        edge[:] = OUTLINE
