# SPDX-License-Identifier: Apache-2.0
"""From a frame to the image that the model takes."""

from __future__ import annotations

import numpy as np

from molmoact2_ros.processing.images import resize_bilinear

from .frame import Frame
from .image_decoding import ByteImage, decode


def prepare(frame: Frame, rotate_deg: int, size: tuple[int, int]) -> ByteImage:
    """Decode, turn and resize.

    Args:
        frame: as it arrived.
        rotate_deg: 0, 90, 180 or 270, clockwise.
        size: (h, w) px, the model's input.

    Returns:
        uint8 [h, w, 3], RGB; may be a view of the frame's data.

    Raises:
        PerceptionError: the frame cannot be decoded.
    """
    upright = np.rot90(decode(frame), k=-(rotate_deg // 90))
    return resize_bilinear(upright, size)
