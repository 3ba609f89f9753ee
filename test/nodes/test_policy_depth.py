# SPDX-License-Identifier: Apache-2.0
"""The policy node with depth reasoning, from the outside: what it publishes, what it keeps, and when it reasons.

The checkpoint is random, so its maps would not end: its head is changed until those of the test's picture do.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

import torch
from fakes.neighbours import AroundNode
from safetensors.torch import load_file, save_file
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_srvs.srv import Trigger

from molmoact2_ros.embodiment import Embodiment, share_folder
from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.depth import read_depth
from molmoact2_ros.model.depth_vae import DepthCodec, DepthVae, DepthVaeConfig, FrameScale, MetricScale, write_codec
from molmoact2_ros.model.tiny import write_tiny_checkpoint
from molmoact2_ros.msg import ActionChunk, DepthMap, Observation
from molmoact2_ros.nodes import qos
from molmoact2_ros.nodes.messages import to_array, to_stamp
from molmoact2_ros.nodes.policy_node import PolicyNode
from molmoact2_ros.policy.demo.fit import norm_tag
from molmoact2_ros.processing.processor import Processor

pytestmark = pytest.mark.node

PATIENCE_S = 30.0  # bounds a wait that never ends; nothing is timed with it
DROID = Embodiment.load("droid")
DEMO = share_folder() / "checkpoints" / f"demo_{DROID.policy.norm_tag}"
CELLS, SIDE = 16, 70
STATE = DROID.to_policy(DROID.pose("home")).astype(np.float32)
PICTURES = np.full((2, SIDE, SIDE, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Random checkpoints with depth: one that ends the map of the test's picture, one that ends none."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("ending", "endless")}
    for name, folder in folders.items():
        write_tiny_checkpoint(folder, think=True, tags=dict([norm_tag(DROID)]))
        tensors = load_file(folder / "model.safetensors")
        depth, last = _hidden_after_the_codes(folder)
        # Depth codes are chosen among their own, at any scale; of the whole vocabulary only the end token stands out.
        head = torch.zeros_like(tensors["lm_head.weight"])
        codes = slice(depth.first, depth.first + depth.num_levels)
        head[codes] = 1e-6 * tensors["lm_head.weight"][codes]
        head[depth.end] = last if name == "ending" else 0.0
        save_file(tensors | {"lm_head.weight": head}, folder / "model.safetensors", metadata={"format": "pt"})
    return folders


@torch.inference_mode()
def _hidden_after_the_codes(folder: Path) -> tuple:
    """Return the depth config and the hidden state [D] from which the map's end is chosen."""
    model, processor = load_model(folder), Processor.load(folder)
    depth = model.config.depth
    inputs = processor.encode(list(PICTURES), "wave", STATE, DROID.policy.norm_tag, depth=True)
    ids = torch.from_numpy(inputs.input_ids)[None]
    visual = model.encode_images(torch.from_numpy(inputs.pixel_values), torch.from_numpy(inputs.pooling_index))
    ends = torch.nn.functional.one_hot(torch.tensor([depth.end]), model.config.language.vocab_size)
    reading = read_depth(model, ids, visual, closing_hook=lambda _step, _logits: ends)
    read = torch.cat((ids, torch.tensor([reading.tokens[:-1]])), dim=1)
    return depth, model.prefill(read, visual).hidden[0, -1]


class Neighbours(AroundNode):
    """A perception that states whatever a test wants, and listeners, around a policy node."""

    policy = property(lambda self: self.tested)
    PATIENCE_S = PATIENCE_S

    def __init__(self, **parameters: object) -> None:
        values = {"instruction": "wave", "device": "cpu", "enable_depth": True, **parameters}
        super().__init__(PolicyNode, **values)
        self.chunks: list[ActionChunk] = []
        self.maps: list[DepthMap] = []
        self.node.create_subscription(ActionChunk, "action_chunk", self.chunks.append, qos.CHUNK)
        self.node.create_subscription(DepthMap, "depth", self.maps.append, qos.STATUS)
        self.observations = self.node.create_publisher(Observation, "observation", qos.OBSERVATION)
        self.decoded: dict[str, list] = {}
        self.think = self.node.create_client(Trigger, "policy/think")
        self.sequence = 0

    def infer(self, same_as: int = 0, life: int = 77, changed: int = 0) -> tuple[ActionChunk, DepthMap | None]:
        """Publish until there is a chunk, and return it with its map.

        The cells look as in observation `same_as`, but for the first `changed`; 0: nothing is known of any.
        """
        before = len(self.chunks), len(self.maps)
        self.sequence += 1
        message = self._observation(self.sequence, life)
        facts = np.where(np.arange(CELLS) < changed, 0, same_as).astype(np.uint64)
        message.cells_same_as = to_array("Q", facts)
        self._publish_until(message, lambda: len(self.chunks) > before[0])
        self._spin(0.1)
        return self.chunks[-1], self.maps[-1] if len(self.maps) > before[1] else None

    def look(self, kind: type, topic: str) -> None:
        """Subscribe to a view of depth, and wait until the policy knows."""
        self.decoded[topic] = []
        self.node.create_subscription(kind, topic, self.decoded[topic].append, 10)  # reliable, as viewers ask for
        deadline = time.monotonic() + PATIENCE_S
        while self.node.count_publishers(topic) == 0 and time.monotonic() < deadline:
            self._spin(0.05)
        self._spin(0.2)

    def calibrate(self, *k: float, **other: object) -> None:
        """Publish the first camera's calibration, and let it arrive."""
        publisher = self.node.create_publisher(CameraInfo, "camera/external/camera_info", qos.CAMERA)
        deadline = time.monotonic() + PATIENCE_S
        while publisher.get_subscription_count() == 0 and time.monotonic() < deadline:
            self._spin(0.05)
        message = CameraInfo(width=140, height=70, k=list(k), **other)
        message.header.frame_id = "lab_optical_frame"
        publisher.publish(message)
        self._spin(0.2)

    def wait_for_view(self, topic: str) -> object:
        """Return the newest message of a view: it is made in a thread of its own."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.decoded[topic]:
            assert time.monotonic() < deadline, f"nothing came on {topic}"
            self._spin(0.05)
        return self.decoded[topic][-1]

    def ask(self) -> Trigger.Response:
        """Call ~/think."""
        future = self.think.call_async(Trigger.Request())
        deadline = time.monotonic() + PATIENCE_S
        while not future.done() and time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.01)
        return future.result()

    def complain(self, words: str) -> None:
        """Publish until the node complains so."""
        self.sequence += 1
        self._publish_until(self._observation(self.sequence, 77), lambda: words in self.policy.complaint)

    def _observation(self, sequence: int, life: int) -> Observation:
        now_ns = self.node.get_clock().now().nanoseconds
        message = Observation(
            sequence=sequence,
            embodiment="droid",
            camera_roles=list(DROID.camera_roles),
            height=SIDE,
            width=SIDE,
            state_names=list(DROID.joint_names),
            perception_life=life,
        )
        message.header.stamp = message.state_stamp = to_stamp(now_ns)
        message.camera_stamps = [to_stamp(now_ns)] * 2
        message.images = to_array("B", PICTURES)
        message.state = to_array("f", STATE)
        return message

    def _publish_until(self, message: Observation, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.observations.get_subscription_count() == 0 and time.monotonic() < deadline:
            self._spin(0.05)
        self.observations.publish(message)
        while not happened():
            assert time.monotonic() < deadline, f"waited in vain; the node says {self.policy._report()}"
            self._spin(0.05)

    def _spin(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.01)


@pytest.fixture
def around(around: Callable[..., Neighbours], checkpoints: dict[str, Path]) -> Callable[..., Neighbours]:
    return lambda **parameters: around(**{"checkpoint": checkpoints["ending"], **parameters})


def test_the_first_map_is_decoded_whole_and_acknowledged_with_both_lives(around: Callable[..., Neighbours]) -> None:
    here = around()
    chunk, depth = here.infer()
    assert (chunk.observation_sequence, chunk.observation_life) == (1, 77)
    assert chunk.policy_life != 0
    assert list(chunk.decoded_cells) == [True] * CELLS
    assert (depth.rows, depth.columns, depth.observation_sequence, depth.header.frame_id) == (4, 4, 1, "external")
    assert (len(depth.codes), list(depth.decoded)) == (CELLS, [True] * CELLS)
    assert depth.forwards == CELLS + 1
    assert depth.decoding_s > 0


def test_cells_that_look_as_when_they_were_decoded_keep_their_codes(around: Callable[..., Neighbours]) -> None:
    here = around()
    _, first = here.infer()
    chunk, second = here.infer(same_as=1, changed=7)
    assert list(chunk.decoded_cells) == list(second.decoded) == [True] * 7 + [False] * 9
    assert list(second.codes)[7:] == list(first.codes)[7:]
    assert second.forwards <= 8
    chunk, third = here.infer(same_as=1)  # the first seven were decoded from observation 2
    assert list(third.decoded) == [True] * 7 + [False] * 9
    values = here.policy._report()[0][3]
    assert (values["depth_cells_updated"], values["depth_forwards"]) == (7, third.forwards)


def test_after_a_restart_of_perception_every_cell_is_decoded_again(around: Callable[..., Neighbours]) -> None:
    here = around()
    here.infer()
    chunk, _ = here.infer(same_as=1, life=78)
    assert list(chunk.decoded_cells) == [True] * CELLS


def test_on_demand_only_the_inference_that_was_asked_for_reasons_in_depth(around: Callable[..., Neighbours]) -> None:
    here = around(depth_every=0)
    chunk, depth = here.infer()
    assert (list(chunk.decoded_cells), depth) == ([], None)
    answer = here.ask()
    assert (answer.success, answer.message) == (True, "the next inference reasons in depth")
    assert here.infer()[1] is not None
    assert here.infer()[1] is None


def test_a_map_that_does_not_end_gives_no_chunk_and_a_reason(
    around: Callable[..., Neighbours], checkpoints: dict[str, Path]
) -> None:
    here = around(checkpoint=checkpoints["endless"])
    assert here.started  # black images prove nothing
    here.complain("did not end within 30 tokens after its 16 codes")
    assert (here.chunks, here.maps) == ([], [])


def test_depth_of_a_checkpoint_without_it_fails_configure(around: Callable[..., Neighbours]) -> None:
    here = around(checkpoint=DEMO)
    assert not here.started
    assert "the checkpoint has no depth tokens: set enable_depth to false" in here.policy.failure
    assert "\n" not in here.policy.failure


def test_a_depth_checkpoint_without_depth_reasoning_acts_at_once(around: Callable[..., Neighbours]) -> None:
    here = around(enable_depth=False)
    chunk, depth = here.infer()
    assert (list(chunk.decoded_cells), depth) == ([], None)


@pytest.fixture
def codec(tmp_path: Path) -> Path:
    """A random codec of the sizes of the checkpoint's maps, from 1 to 2 m."""
    torch.manual_seed(0)
    network = DepthVae(DepthVaeConfig(image_px=16, halvings=2, first_width=4, blocks=1, num_codes=16, code_width=8))
    write_codec(tmp_path / "codec", network, MetricScale(1.0, 2.0), {})
    return tmp_path / "codec"


def test_decoded_depth_is_an_image_in_metres_and_points_in_the_cameras_frame(
    around: Callable[..., Neighbours], codec: Path
) -> None:
    here = around(depth_decoder=codec)
    here.look(Image, "depth/metric")
    here.look(PointCloud2, "depth/points")
    here.calibrate(100.0, 0.0, 69.5, 0.0, 100.0, 34.5, 0.0, 0.0, 1.0)
    chunk, depth = here.infer()
    image, cloud = here.wait_for_view("depth/metric"), here.wait_for_view("depth/points")
    expected = DepthCodec.load(codec).decode(np.array(depth.codes).reshape(4, 4))
    assert (image.encoding, image.header.frame_id, image.header.stamp) == (
        "32FC1", "lab_optical_frame", chunk.header.stamp,
    )  # fmt: skip
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
    here.infer()
    here.wait_for_view("depth/metric")
    assert here.decoded["depth/points"] == []


def test_depth_without_metres_is_published_as_nearness(
    around: Callable[..., Neighbours], codec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = DepthCodec.load(codec).network
    monkeypatch.setattr(DepthCodec, "load", lambda *_: DepthCodec(network, FrameScale(), "vae-final.pt@0"))
    here = around(depth_decoder="vae-final.pt")
    here.look(Image, "depth/nearness")
    here.infer()
    values = np.frombuffer(here.wait_for_view("depth/nearness").data, "<f4")
    assert (values.min(), values.max()) == (0, pytest.approx(1))
    assert {"depth/metric", "depth/points"}.isdisjoint(name[1:] for name, _ in here.node.get_topic_names_and_types())


def test_points_of_a_rectified_camera_follow_its_projection(around: Callable[..., Neighbours], codec: Path) -> None:
    here = around(depth_decoder=codec)
    here.look(PointCloud2, "depth/points")
    raw = (100.0, 0.0, 69.5, 0.0, 100.0, 34.5, 0.0, 0.0, 1.0)
    here.calibrate(*raw, p=[50.0, 0.0, 60.0, 0.0, 0.0, 50.0, 30.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    here.infer()
    points = np.frombuffer(here.wait_for_view("depth/points").data, "<f4").reshape(16, 16, 4)
    np.testing.assert_allclose(points[:, 0, 0], (3.875 - 60) / 50 * points[:, 0, 2], rtol=1e-5)


def test_depth_of_a_camera_that_hangs_on_its_side_lies_as_its_driver_sends_it(
    around: Callable[..., Neighbours], codec: Path, tmp_path: Path
) -> None:
    text = (share_folder() / "config" / "embodiments" / "droid.yaml").read_text()
    turned = tmp_path / "turned.yaml"
    turned.write_text(text.replace("rotate_deg: 0", "rotate_deg: 90", 1))
    here = around(depth_decoder=codec, embodiment=turned)
    here.look(Image, "depth/metric")
    _, depth = here.infer()
    image = here.wait_for_view("depth/metric")
    upright = DepthCodec.load(codec).decode(np.array(depth.codes).reshape(4, 4))
    # Perception turned the driver's image clockwise: its left edge is the upper one of what the policy saw.
    driver = np.frombuffer(image.data, "<f4").reshape(16, 16)
    np.testing.assert_array_equal(driver[::-1, 0], upright[0])


def test_a_decoder_that_fails_ends_nothing(
    around: Callable[..., Neighbours], codec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(DepthCodec, "decode", fail)
    here = around(depth_decoder=codec)
    here.look(Image, "depth/metric")
    assert here.infer()[1] is not None
    assert here.infer()[1] is not None
    assert here.decoded["depth/metric"] == []


def test_a_codec_that_is_not_the_checkpoints_own_fails_configure(
    around: Callable[..., Neighbours], checkpoints: dict[str, Path], codec: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(checkpoints["ending"], other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"depth_codec": "vae-final.pt@0123"}))
    here = around(depth_decoder=codec, checkpoint=other)
    assert not here.started
    assert "writes codes of vae-final.pt@0123, which codec@" in here.policy.failure


def test_configured_again_it_listens_once(around: Callable[..., Neighbours], codec: Path) -> None:
    here = around(depth_decoder=codec)
    here.policy.trigger_deactivate()
    here.policy.trigger_cleanup()
    here.policy.trigger_configure()
    here.policy.trigger_activate()
    assert here.node.count_subscribers("observation") == 1
    assert [here.node.count_publishers(topic) for topic in ("action_chunk", "depth", "depth/metric")] == [1, 1, 1]
    assert here.infer()[1] is not None


def test_nothing_is_decoded_while_nobody_looks(
    around: Callable[..., Neighbours], codec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(DepthCodec, "decode", lambda _self, codes: asked.append(codes))
    here = around(depth_decoder=codec)
    _, depth = here.infer()
    assert depth is not None
    assert asked == []


def test_a_codec_of_other_sizes_fails_configure(around: Callable[..., Neighbours]) -> None:
    here = around(depth_decoder=share_folder() / "checkpoints" / "depth_codes")
    assert not here.started
    assert "decodes 10 x 10 cells of 128 codes, but" in here.policy.failure
    assert "writes 4 x 4 of 16: give its own" in here.policy.failure


def test_a_codec_without_depth_reasoning_fails_configure(around: Callable[..., Neighbours], codec: Path) -> None:
    here = around(depth_decoder=codec, enable_depth=False)
    assert not here.started
    assert "depth_decoder decodes what a policy writes with enable_depth" in here.policy.failure
