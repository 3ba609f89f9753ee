# SPDX-License-Identifier: Apache-2.0
"""From a frame to an upright image; `processing.images` resizes it to what the model takes."""

from __future__ import annotations

import numpy as np

from .frame import Frame
from .image_decoding import ByteImage, decode


def upright(frame: Frame, rotate_deg: int) -> ByteImage:
    """Decode and turn.

    Args:
        frame: as it arrived.
        rotate_deg: 0, 90, 180 or 270, clockwise.

    Returns:
        uint8 [H, W, 3], RGB; may be a view of the frame's data.

    Raises:
        PerceptionError: the frame cannot be decoded.
    """
    return np.rot90(decode(frame), k=-(rotate_deg // 90))
