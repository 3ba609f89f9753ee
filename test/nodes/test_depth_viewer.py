# SPDX-License-Identifier: Apache-2.0
"""The depth viewer from the outside: what it draws and decodes of depth maps, and what it leaves alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

import torch
from fakes.neighbours import AroundNode
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from molmoact2_ros.embodiment import Embodiment, share_folder
from molmoact2_ros.model.depth_vae import DepthCodec, DepthVae, DepthVaeConfig, FrameScale, MetricScale, write_codec
from molmoact2_ros.msg import DepthMap, Observation
from molmoact2_ros.nodes.depth_viewer_node import DepthViewerNode
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import stamp_ns, to_array, to_stamp

pytestmark = pytest.mark.node

PATIENCE_S = 120.0  # bounds a wait that never ends; nothing is timed with it
DROID = Embodiment.load("droid")
CAMERA = DROID.cameras[0]
GRID, LEVELS, SIDE = 4, 16, 28
HEIGHT, WIDTH = 120, 160  # of the camera
CODES = np.arange(GRID * GRID).reshape(GRID, GRID)


class Neighbours(AroundNode):
    """Camera, perception and policy around a depth viewer."""

    viewer = property(lambda self: self.tested)

    def __init__(self, **parameters: object) -> None:
        super().__init__(DepthViewerNode, **parameters)
        self.sent: dict[int, DepthMap] = {}  # by stamp
        self.observations = self.node.create_publisher(Observation, "observation", qos.OBSERVATION)
        self.maps = self.node.create_publisher(DepthMap, "depth", qos.STATUS)
        self.camera = self.node.create_publisher(Image, CAMERA.topic, qos.CAMERA)
        self.seen: dict[str, list] = {}
        self.sequence = 0

    def look(self, kind: type, topic: str) -> None:
        """Subscribe to a view of depth, and wait until the viewer knows."""
        self.seen[topic] = []
        self.node.create_subscription(kind, topic, self.seen[topic].append, 10)  # reliable, as viewers ask for
        publishers = [publisher for publisher in self.viewer.publishers if publisher.topic_name == f"/{topic}"]
        self.until(lambda: publishers[0].get_subscription_count() > 0)

    def calibrate(self, *k: float, **other: object) -> None:
        """Publish the first camera's calibration, and let it arrive."""
        publisher = self.node.create_publisher(CameraInfo, CAMERA.info_topic, qos.CAMERA)
        self.until(lambda: publisher.get_subscription_count() > 0)
        message = CameraInfo(width=140, height=70, k=list(k), **other)
        message.header.frame_id = "lab_optical_frame"
        publisher.publish(message)
        self.spin(0.3)

    def think(self, **changes: object) -> DepthMap:
        """Let a frame become an observation, and that a depth map."""
        publishers = (self.camera, self.observations, self.maps)
        self.until(lambda: all(publisher.get_subscription_count() for publisher in publishers))
        self.sequence += 1
        now_ns = self.node.get_clock().now().nanoseconds
        frame = Image(height=HEIGHT, width=WIDTH, step=3 * WIDTH, encoding="rgb8")
        frame.data = to_array("B", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
        frame.header.stamp = to_stamp(now_ns - 20_000_000)
        observation = Observation(sequence=self.sequence, height=SIDE, width=SIDE)
        observation.camera_roles = list(DROID.camera_roles)
        observation.header.stamp = to_stamp(now_ns)  # of the newest camera, the other one
        observation.camera_stamps = [frame.header.stamp, observation.header.stamp]
        observation.images = to_array("B", np.full((2, SIDE, SIDE, 3), 90, np.uint8))
        depth = DepthMap(observation_sequence=self.sequence, rows=GRID, columns=GRID, levels=LEVELS, model_id="tiny@1")
        depth.header.stamp, depth.header.frame_id = observation.header.stamp, CAMERA.role
        depth.codes, depth.decoded = CODES.ravel().tolist(), [True] * CODES.size
        for name, value in changes.items():
            setattr(depth, name, value)
        for publisher, message in zip(publishers, (frame, observation, depth), strict=True):
            publisher.publish(message)
            self.spin(0.2)
        self.sent[now_ns] = depth
        return depth

    def think_until(self, topic: str) -> tuple[DepthMap, object]:
        """Think until a view comes; return it with its map."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.seen[topic]:
            assert time.monotonic() < deadline, f"nothing came on {topic}: {self.viewer._report()}"
            self.think()
        view = self.seen[topic][-1]
        return self.sent[stamp_ns(view.header.stamp)], view

    def until(self, happened: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            assert time.monotonic() < deadline, f"waited in vain: {self.viewer._report()}"
            self.spin(0.05)

    def spin(self, seconds: float = 0.05) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.01)


@pytest.fixture
def codec(tmp_path: Path) -> Path:
    """A random codec of the sizes of the maps, from 1 to 2 m."""
    torch.manual_seed(0)
    network = DepthVae(DepthVaeConfig(image_px=16, halvings=2, first_width=4, blocks=1, num_codes=16, code_width=8))
    write_codec(tmp_path / "codec", network, MetricScale(1.0, 2.0), {})
    return tmp_path / "codec"


def test_codes_are_drawn_over_the_first_cameras_frame_at_its_own_size(around: Callable[..., Neighbours]) -> None:
    here = around()
    here.look(Image, "depth/image")
    depth, image = here.think_until("depth/image")
    assert (image.height, image.width, image.step, image.encoding) == (HEIGHT, WIDTH, 3 * WIDTH, "rgb8")
    assert image.header == depth.header
    pixels = np.frombuffer(image.data, np.uint8).reshape(HEIGHT, WIDTH, 3)
    assert pixels[5:25, 5:35, 2].mean() > pixels[-25:-5, -35:-5, 2].mean()  # from blue to yellow


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"codes": [1, 2], "decoded": [True]}, "4 x 4 cells has 2 codes and 1 marks, expected 16 of both"),
        ({"rows": 1000, "columns": 10}, "depth map of 1000 x 10 cells: expected 1 to"),
        ({"rows": 0}, "depth map of 0 x 4 cells"),
    ],
)
def test_a_depth_map_of_wrong_sizes_is_not_drawn_and_reported(
    around: Callable[..., Neighbours], changes: dict[str, object], words: str
) -> None:
    here = around()
    here.look(Image, "depth/image")
    here.think(**changes)
    here.until(lambda: words in here.viewer._report()[0][2])
    assert here.seen["depth/image"] == []
    here.think_until("depth/image")


def test_decoded_depth_is_an_image_in_metres_and_points_in_the_cameras_frame(
    around: Callable[..., Neighbours], codec: Path
) -> None:
    here = around(depth_decoder=codec)
    here.look(Image, "depth/metric")
    here.look(PointCloud2, "depth/points")
    here.calibrate(100.0, 0.0, 69.5, 0.0, 100.0, 34.5, 0.0, 0.0, 1.0)
    depth, cloud = here.think_until("depth/points")
    image = next(image for image in here.seen["depth/metric"] if image.header.stamp == cloud.header.stamp)
    expected = DepthCodec.load(codec).decode(CODES.astype(np.uint16))
    assert (image.encoding, image.header.frame_id) == ("32FC1", "lab_optical_frame")
    assert image.header.stamp == depth.header.stamp
    np.testing.assert_array_equal(np.frombuffer(image.data, "<f4").reshape(16, 16), expected)
    points = np.frombuffer(cloud.data, [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4")]).reshape(16, 16)
    assert [(field.name, field.offset) for field in cloud.fields] == [("x", 0), ("y", 4), ("z", 8), ("rgb", 12)]
    assert (cloud.point_step, cloud.row_step, cloud.header) == (16, 256, image.header)
    np.testing.assert_array_equal(points["z"], expected)
    assert (points["rgb"] == 0x5A5A5A).all()  # the test's grey
    # Columns of 140 / 16 px: the first has its middle at pixel 3.875.
    np.testing.assert_allclose(points["x"][:, 0], (3.875 - 69.5) / 100 * expected[:, 0], rtol=1e-5)


def test_an_uncalibrated_camera_has_depth_but_no_points(around: Callable[..., Neighbours], codec: Path) -> None:
    here = around(depth_decoder=codec)
    here.look(Image, "depth/metric")
    here.look(PointCloud2, "depth/points")
    here.calibrate(*[0.0] * 9)
    here.think_until("depth/metric")
    assert here.seen["depth/points"] == []


def test_depth_without_metres_is_published_as_nearness(
    around: Callable[..., Neighbours], codec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = DepthCodec.load(codec).network
    monkeypatch.setattr(DepthCodec, "load", lambda *_: DepthCodec(network, FrameScale(), "vae-final.pt@0"))
    here = around(depth_decoder="vae-final.pt")
    here.look(Image, "depth/nearness")
    _, image = here.think_until("depth/nearness")
    values = np.frombuffer(image.data, "<f4")
    assert (values.min(), values.max()) == (0, pytest.approx(1))
    assert {"depth/metric", "depth/points"}.isdisjoint(name[1:] for name, _ in here.node.get_topic_names_and_types())


def test_points_of_a_rectified_camera_follow_its_projection(around: Callable[..., Neighbours], codec: Path) -> None:
    here = around(depth_decoder=codec)
    here.look(PointCloud2, "depth/points")
    raw = (100.0, 0.0, 69.5, 0.0, 100.0, 34.5, 0.0, 0.0, 1.0)
    here.calibrate(*raw, p=[50.0, 0.0, 60.0, 0.0, 0.0, 50.0, 30.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    _, cloud = here.think_until("depth/points")
    points = np.frombuffer(cloud.data, "<f4").reshape(16, 16, 4)
    np.testing.assert_allclose(points[:, 0, 0], (3.875 - 60) / 50 * points[:, 0, 2], rtol=1e-5)


def test_depth_of_a_camera_that_hangs_on_its_side_lies_as_its_driver_sends_it_and_is_drawn_upright(
    around: Callable[..., Neighbours], codec: Path, tmp_path: Path
) -> None:
    text = (share_folder() / "config" / "embodiments" / "droid.yaml").read_text()
    turned = tmp_path / "turned.yaml"
    turned.write_text(text.replace("rotate_deg: 0", "rotate_deg: 90", 1))
    here = around(depth_decoder=codec, embodiment=turned)
    here.look(Image, "depth/metric")
    here.look(Image, "depth/image")
    _, image = here.think_until("depth/metric")
    upright = DepthCodec.load(codec).decode(CODES.astype(np.uint16))
    # Perception turned the driver's image clockwise: its left edge is the upper one of what the policy saw.
    driver = np.frombuffer(image.data, "<f4").reshape(16, 16)
    np.testing.assert_array_equal(driver[::-1, 0], upright[0])
    _, drawn = here.think_until("depth/image")
    assert (drawn.height, drawn.width) == (WIDTH, HEIGHT)


def test_a_decoder_that_fails_ends_nothing(
    around: Callable[..., Neighbours], codec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(DepthCodec, "decode", fail)
    here = around(depth_decoder=codec)
    here.look(Image, "depth/metric")
    here.look(Image, "depth/image")
    here.think_until("depth/image")
    here.seen["depth/image"].clear()
    here.think_until("depth/image")
    assert here.seen["depth/metric"] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"codec": "vae-final.pt@0123"}, "tiny@1 writes codes of vae-final.pt@0123, which codec@"),
        ({"levels": 128}, "decodes 4 x 4 cells of 16 codes, but tiny@1 writes 4 x 4 of 128: give its own"),
    ],
)
def test_codes_that_are_not_the_decoders_are_reported_and_not_decoded(
    around: Callable[..., Neighbours], codec: Path, changes: dict[str, object], words: str
) -> None:
    here = around(depth_decoder=codec)
    here.look(Image, "depth/metric")
    here.think(**changes)
    here.until(lambda: words in here.viewer._report()[0][2])
    assert here.seen["depth/metric"] == []
    here.think_until("depth/metric")


def test_nothing_is_decoded_while_nothing_is_subscribed(
    around: Callable[..., Neighbours], codec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(DepthCodec, "decode", lambda _self, codes: asked.append(codes))
    here = around(depth_decoder=codec)
    here.think()
    here.think()
    assert asked == []


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"depth_decoder": "/nowhere/at/all"}, "/nowhere/at/all"),
        ({"image_transport": "theora"}, "image_transport: expected raw or compressed, got 'theora'"),
        ({"embodiment": "nonsense"}, "unknown embodiment 'nonsense'"),
    ],
)
def test_what_cannot_work_fails_configure_with_one_sentence(
    around: Callable[..., Neighbours], parameters: dict[str, object], words: str
) -> None:
    here = around(**parameters)
    assert not here.started
    assert words in here.viewer.failure
    assert "\n" not in here.viewer.failure


def test_configured_again_it_publishes_and_subscribes_once(around: Callable[..., Neighbours], codec: Path) -> None:
    here = around(depth_decoder=codec)
    for transition in ("deactivate", "cleanup", "configure", "activate"):
        getattr(here.viewer, f"trigger_{transition}")()
    topics = ("depth/image", "depth/metric", "depth/points")
    here.until(lambda: [here.node.count_publishers(topic) for topic in topics] == [1, 1, 1])
    assert [here.node.count_subscribers(topic) for topic in ("observation", "depth", CAMERA.topic)] == [1, 1, 1]
    here.look(Image, "depth/metric")
    here.think_until("depth/metric")
