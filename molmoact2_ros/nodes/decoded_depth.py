# SPDX-License-Identifier: Apache-2.0
"""What depth codes stand for, as topics: decoded while somebody looks.

With a codec that has metres:
    out  depth/metric      sensor_msgs/Image, 32FC1          m along the optical axis, of the first camera
    out  depth/points      sensor_msgs/PointCloud2           the same in space, coloured; once its calibration is known
    in   the camera's      sensor_msgs/CameraInfo            lens distortion is not undone
         camera_info
With one that has none, such as the released one:
    out  depth/nearness    sensor_msgs/Image, 32FC1          0: the farthest of the map, 1: the nearest
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from std_msgs.msg import Header

from molmoact2_ros.embodiment import Camera
from molmoact2_ros.msg import Observation
from molmoact2_ros.policy.policy import DepthResult
from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.processing.pinhole import Pinhole

from . import qos
from .messages import to_array

if TYPE_CHECKING:
    from molmoact2_ros.model.depth_vae import DepthCodec

COMPLAINT_PERIOD_S = 10.0
# What viewers of the point cloud library's kind expect: x, y, z, and the colour's bytes as one float.
POINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4")])


class DecodedDepth:
    """The topics of one policy node; `close` before the node is cleaned up."""

    def __init__(self, node: Node, codec: DepthCodec, camera: Camera) -> None:
        """Offer the topics that the codec can fill, for the first camera of the robot."""
        self._node, self._codec, self._camera = node, codec, camera
        self._pinhole: Pinhole | None = None
        self._frame_id = camera.frame_id or camera.role
        topic = "depth/metric" if codec.is_metric else "depth/nearness"
        self._maps = node.create_publisher(Image, topic, qos.CAMERA)
        self._clouds = node.create_publisher(PointCloud2, "depth/points", qos.CAMERA) if codec.is_metric else None
        self._infos = (
            node.create_subscription(CameraInfo, camera.info_topic, self._on_info, qos.CAMERA)
            if codec.is_metric
            else None
        )

    def close(self) -> None:
        """Withdraw the topics."""
        if self._infos is not None:
            self._node.destroy_subscription(self._infos)
        for publisher in (self._maps, self._clouds):
            if publisher is not None:
                self._node.destroy_publisher(publisher)

    def show(self, depth: DepthResult, observation: Observation) -> None:
        """Decode a map and publish it, to those who look."""
        wants_map = self._maps.get_subscription_count() > 0
        wants_cloud = self._clouds is not None and self._clouds.get_subscription_count() > 0
        if not wants_map and not wants_cloud:
            return
        turns = self._camera.rotate_deg // 90  # perception turned the picture upright; the driver's frame is not
        values = np.rot90(self._codec.decode(depth.codes), turns)
        header = Header(stamp=observation.header.stamp, frame_id=self._frame_id)
        if wants_map:
            self._maps.publish(_map_to_msg(values, header))
        if wants_cloud and self._clouds is not None and self._pinhole is not None:
            picture = np.rot90(_first_picture(observation), turns)
            self._clouds.publish(_cloud_to_msg(self._pinhole.points(values), picture, header))

    def _on_info(self, message: CameraInfo) -> None:
        self._frame_id = message.header.frame_id or self._frame_id
        try:
            fx, _, cx, _, fy, cy = message.k[:6]
            self._pinhole = Pinhole(message.width, message.height, fx, fy, cx, cy)
        except ProcessingError as error:
            self._node.get_logger().warning(
                f"no points on depth/points, {self._camera.info_topic} is unusable: {error}",
                throttle_duration_sec=COMPLAINT_PERIOD_S,
            )


def _first_picture(observation: Observation) -> NDArray[np.uint8]:
    """Return [height, width, 3]."""
    height, width = observation.height, observation.width
    pixels = np.frombuffer(observation.images, np.uint8, count=height * width * 3)
    return pixels.reshape(height, width, 3)


def _map_to_msg(values: NDArray[np.float32], header: Header) -> Image:
    height, width = values.shape
    message = Image(header=header, height=height, width=width, encoding="32FC1", step=4 * width)
    message.data = to_array("B", np.ascontiguousarray(values, "<f4").view(np.uint8))
    return message


def _cloud_to_msg(points: NDArray[np.float32], picture: NDArray[np.uint8], header: Header) -> PointCloud2:
    """Pack points [H, W, 3], coloured by the nearest pixels of a picture of the same view."""
    height, width, _ = points.shape
    rows = (np.arange(height) + 0.5) * picture.shape[0] / height
    columns = (np.arange(width) + 0.5) * picture.shape[1] / width
    red, green, blue = np.moveaxis(picture[rows.astype(int)[:, None], columns.astype(int)].astype(np.uint32), -1, 0)
    cloud = np.empty((height, width), POINT)
    cloud["x"], cloud["y"], cloud["z"] = np.moveaxis(points, -1, 0)
    cloud["rgb"] = red << 16 | green << 8 | blue
    message = PointCloud2(header=header, height=height, width=width, is_dense=True)
    message.fields = [
        PointField(name=name, offset=4 * place, datatype=PointField.FLOAT32, count=1)
        for place, name in enumerate(POINT.names or ())
    ]
    message.point_step, message.row_step = POINT.itemsize, POINT.itemsize * width
    message.data = to_array("B", cloud.view(np.uint8))
    return message
