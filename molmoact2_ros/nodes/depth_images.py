# SPDX-License-Identifier: Apache-2.0
"""The topic depth/image: each depth map over the camera's frame that it was decoded from, at the camera's size."""

from __future__ import annotations

from collections import deque

import numpy as np
from rclpy.publisher import Publisher
from sensor_msgs.msg import Image

from molmoact2_ros.interfaces.camera_frame import CameraFrame
from molmoact2_ros.msg import DepthMap
from molmoact2_ros.perception import draw_depth
from molmoact2_ros.perception.image_decoding import upright
from molmoact2_ros.ros.conversions import to_array

KEPT_FRAMES = 90  # three seconds at 30 Hz: a slow policy is still thinking about the first of them


class DepthImages:
    """Keeps recent frames of the first camera, while its topic is subscribed, and draws depth maps over them."""

    def __init__(self, publisher: Publisher, rotate_deg: int) -> None:
        """Take the publisher, and by how much the camera's frames are turned to be upright, clockwise."""
        self._publisher, self._rotate_deg = publisher, rotate_deg
        self._kept: deque[CameraFrame] = deque(maxlen=KEPT_FRAMES)

    @property
    def is_wanted(self) -> bool:
        """Whether its topic is subscribed."""
        return bool(self._publisher.get_subscription_count() > 0)

    def keep(self, frame: CameraFrame) -> None:
        """Remember a frame of the first camera."""
        if self.is_wanted:
            self._kept.append(frame)
        else:
            self._kept.clear()

    def show(self, depth: DepthMap, camera_stamp_ns: int) -> None:
        """Publish a map over the frame with this stamp, if it is still here; the map's sizes must agree.

        Raises:
            PerceptionError: the frame cannot be decoded.
        """
        for frame in self._kept:
            if frame.stamp_ns == camera_stamp_ns:
                self._publisher.publish(_drawn(upright(frame, self._rotate_deg), depth))
                return


def _drawn(frame: np.ndarray, depth: DepthMap) -> Image:
    grid = (depth.rows, depth.columns)
    codes, decoded = np.array(depth.codes, np.uint16).reshape(grid), np.array(depth.decoded, np.bool_).reshape(grid)
    image = draw_depth(frame, codes, decoded, depth.levels)
    height, width, channels = image.shape
    message = Image(header=depth.header, height=height, width=width, step=width * channels, encoding="rgb8")
    message.data = to_array("B", image)
    return message
