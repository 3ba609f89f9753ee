# SPDX-License-Identifier: Apache-2.0
"""The topic depth/image: each depth map over the frame that it was decoded from."""

from __future__ import annotations

from collections import deque

import numpy as np
from rclpy.publisher import Publisher
from sensor_msgs.msg import Image

from molmoact2_ros.msg import DepthMap
from molmoact2_ros.perception import MOST_GRID, Observation, draw_depth

from .messages import stamp_ns, to_array

KEPT_FRAMES = 30  # two seconds at 15 Hz: a slow policy is still thinking about the first of them
NUM_CODES = 128  # of the released checkpoints; larger codes take the last colour


class DepthImages:
    """Keeps recent frames of the first camera, while somebody looks, and draws the depth maps that arrive over them."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self._kept: deque[Observation] = deque(maxlen=KEPT_FRAMES)

    def keep(self, observation: Observation) -> None:
        """Remember the frame of an observation that was published."""
        if self.publisher.get_subscription_count() > 0:
            self._kept.append(observation)
        else:
            self._kept.clear()

    def show(self, depth: DepthMap) -> None:
        """Publish the picture of a depth map, if its frame is still here and its sizes agree."""
        cells = depth.rows * depth.columns
        if not 1 <= min(depth.rows, depth.columns) <= max(depth.rows, depth.columns) <= MOST_GRID:
            return
        if len(depth.codes) != cells or len(depth.decoded) != cells:
            return
        identity = (depth.observation_sequence, stamp_ns(depth.header.stamp))
        for observation in self._kept:
            if (observation.sequence, observation.stamp_ns) == identity:
                self.publisher.publish(_picture(observation, depth))
                return


def _picture(observation: Observation, depth: DepthMap) -> Image:
    grid = (depth.rows, depth.columns)
    codes, decoded = np.array(depth.codes, np.uint16).reshape(grid), np.array(depth.decoded, np.bool_).reshape(grid)
    picture = draw_depth(observation.first_picture, codes, decoded, NUM_CODES)
    height, width, channels = picture.shape
    message = Image(header=depth.header, height=height, width=width, step=width * channels, encoding="rgb8")
    message.data = to_array("B", picture)
    return message
