# SPDX-License-Identifier: Apache-2.0
"""One camera frame as it arrived."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

COMPRESSED = "compressed"  # the `encoding` of a JPEG or PNG; its size stands in the data


@dataclass(frozen=True, eq=False)
class CameraFrame:
    """A frame that is not decoded yet: most frames of a fast camera are never used.

    `stamp_ns` is sensor time (ROS time), `received_ns` arrival (steady clock). `data` is uint8 [bytes] and belongs to
    this frame alone. `encoding` is one of sensor_msgs/image_encodings, with `step` bytes a row, padding included; or
    COMPRESSED, with `height`, `width` and `step` zero. `frame_id` is the message's, empty when it has none.
    """

    stamp_ns: int
    received_ns: int
    data: NDArray[np.uint8]
    encoding: str
    height: int = 0
    width: int = 0
    step: int = 0
    frame_id: str = ""

    @cached_property
    def checksum(self) -> int:
        """Checksum of every byte: 0.25 ms for 640 x 480 RGB. A sample of the bytes would miss a small motion."""
        return zlib.crc32(self.data.data)
