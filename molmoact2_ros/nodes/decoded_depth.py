# SPDX-License-Identifier: Apache-2.0
"""What depth codes stand for, as topics: decoded while they are subscribed.

With a codec that has metres:
    out  depth/metric      sensor_msgs/Image, 32FC1     reliable 1; m along the optical axis of the first camera
    out  depth/points      sensor_msgs/PointCloud2      reliable 1; the same in space, coloured
    in   the camera's      sensor_msgs/CameraInfo       best effort 2; its projection, without lens distortion; without
         camera_info                                    it no points
With one that has none, such as the released one:
    out  depth/nearness    sensor_msgs/Image, 32FC1     reliable 1; 0: the farthest of the map, 1: the nearest
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from std_msgs.msg import Header

from molmoact2_ros.embodiment import Camera
from molmoact2_ros.msg import DepthMap, Observation
from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.processing.pinhole import Pinhole
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import to_array
from molmoact2_ros.ros.lifecycle import Molmoact2Node
from molmoact2_ros.ros.mailbox import Mailbox

if TYPE_CHECKING:
    from molmoact2_ros.model.depth_vae import DepthCodec

COMPLAINT_PERIOD_S = 10.0
# What viewers of the point cloud library's kind expect: x, y, z, and the colour's bytes as one float.
POINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4")])


class DecodedDepth:
    """The topics of one codec. It decodes in a thread of its own: what arrives meanwhile is received."""

    def __init__(self, node: Molmoact2Node[Any], codec: DepthCodec, camera: Camera) -> None:
        """Offer the topics that the codec can fill, for the first camera of the robot."""
        self._node, self._codec, self._camera = node, codec, camera
        # Read in the worker's thread; replaced as one.
        self._view: tuple[str, Pinhole | None] = (camera.frame_id or camera.role, None)
        topic = "depth/metric" if codec.is_metric else "depth/nearness"
        self._maps = node.publisher(Image, topic, qos.STATUS)
        self._clouds = node.publisher(PointCloud2, "depth/points", qos.STATUS) if codec.is_metric else None
        if codec.is_metric:
            node.subscription(CameraInfo, camera.info_topic, self._on_info, qos.CAMERA)
        self._mailbox: Mailbox[tuple[DepthMap, Observation]] = node.owned.enter_context(closing(Mailbox(self._show)))

    @property
    def is_wanted(self) -> bool:
        """Whether any of its topics is subscribed."""
        return any(self._wanted())

    def objection(self, depth: DepthMap) -> str:
        """Say why a map's codes are not the codec's, as far as can be known; empty if they are."""
        sizes, codec = self._codec.config, self._codec
        if (depth.rows, depth.columns, depth.levels) != (sizes.grid, sizes.grid, sizes.num_codes):
            return (
                f"depth_decoder: {codec.name} decodes {sizes.grid} x {sizes.grid} cells of {sizes.num_codes} codes, "
                f"but {depth.model_id} writes {depth.rows} x {depth.columns} of {depth.levels}: give its own"
            )
        if depth.codec and not codec.is_named(depth.codec):
            return f"depth_decoder: {depth.model_id} writes codes of {depth.codec}, which {codec.name} cannot read"
        return ""

    def show(self, depth: DepthMap, observation: Observation) -> None:
        """Have a map decoded and published, if a topic is subscribed; one that is overtaken is left out."""
        if self.is_wanted:
            self._mailbox.put((depth, observation))

    # The worker's thread.

    def _show(self, item: tuple[DepthMap, Observation]) -> None:
        depth, observation = item
        try:
            self._publish(depth, observation)
        except (ValueError, RuntimeError) as error:  # the next map may be better
            self._warn(f"depth codes could not be decoded: {error}")

    def _publish(self, depth: DepthMap, observation: Observation) -> None:
        wants_map, wants_cloud = self._wanted()
        frame_id, pinhole = self._view
        if wants_cloud and pinhole is None:
            self._warn(
                f"no points on depth/points: nothing usable has come on {self._camera.info_topic}; if the camera's "
                "images are remapped, remap that as well"
            )
        if not wants_map and (not wants_cloud or pinhole is None):
            return
        turns = self._camera.rotate_deg // 90  # perception turned the image upright; the driver's frame is not
        codes = np.array(depth.codes, np.uint16).reshape(depth.rows, depth.columns)
        values = np.rot90(self._codec.decode(codes), turns)
        header = Header(stamp=observation.header.stamp, frame_id=frame_id)
        if wants_map:
            self._maps.publish(_map_to_msg(values, header))
        if wants_cloud and self._clouds is not None and pinhole is not None:
            image = np.rot90(_first_image(observation), turns)
            self._clouds.publish(_cloud_to_msg(pinhole.points(values), image, header))

    def _wanted(self) -> tuple[bool, bool]:
        """Return whether maps are subscribed, and points."""
        points = self._clouds is not None and self._clouds.get_subscription_count() > 0
        return self._maps.get_subscription_count() > 0, points

    def _warn(self, text: str) -> None:
        self._node.get_logger().warning(text, throttle_duration_sec=COMPLAINT_PERIOD_S)

    # The executor's thread.

    def _on_info(self, message: CameraInfo) -> None:
        try:
            self._view = (message.header.frame_id or self._view[0], _pinhole_from_msg(message))
        except ProcessingError as error:
            self._view = (self._view[0], None)
            self._warn(f"{self._camera.info_topic} is unusable: {error}")


def _pinhole_from_msg(message: CameraInfo) -> Pinhole:
    """Unpack the projection of rectified images; of a camera that was not rectified its own matrix.

    Raises:
        ProcessingError: the camera is not calibrated, or sends a part of its image only.
    """
    roi = message.roi
    if roi.x_offset or roi.y_offset or (roi.width, roi.height) not in ((0, 0), (message.width, message.height)):
        raise ProcessingError("the camera sends a region of its image: expected the whole image")
    p, k = message.p, message.k
    fx, fy, cx, cy = (p[0], p[5], p[2], p[6]) if p[0] else (k[0], k[4], k[2], k[5])
    return Pinhole(message.width, message.height, fx, fy, cx, cy)


def _first_image(observation: Observation) -> NDArray[np.uint8]:
    """Return [height, width, 3]."""
    height, width = observation.height, observation.width
    pixels = np.frombuffer(observation.images, np.uint8, count=height * width * 3)
    return pixels.reshape(height, width, 3)


def _map_to_msg(values: NDArray[np.float32], header: Header) -> Image:
    height, width = values.shape
    message = Image(header=header, height=height, width=width, encoding="32FC1", step=4 * width)
    message.data = to_array("B", np.ascontiguousarray(values, "<f4").view(np.uint8))
    return message


def _cloud_to_msg(points: NDArray[np.float32], image: NDArray[np.uint8], header: Header) -> PointCloud2:
    """Pack points [H, W, 3], coloured by the nearest pixels of an image of the same view."""
    height, width, _ = points.shape
    rows = (np.arange(height) + 0.5) * image.shape[0] / height
    columns = (np.arange(width) + 0.5) * image.shape[1] / width
    red, green, blue = np.moveaxis(image[rows.astype(int)[:, None], columns.astype(int)].astype(np.uint32), -1, 0)
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
