# SPDX-License-Identifier: Apache-2.0
"""The policy node with depth reasoning, from the outside: what it publishes, what it keeps, and when it reasons.

The checkpoint is random, so its maps would not end: its head is changed until those of the test's image do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

import torch
from fakes.neighbours import AroundNode
from safetensors.torch import load_file, save_file
from std_srvs.srv import Trigger

from molmoact2_ros.embodiment import Embodiment, share_folder
from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.depth import read_depth
from molmoact2_ros.model.tiny import write_tiny_checkpoint
from molmoact2_ros.msg import ActionChunk, DepthMap, Instruction, Observation
from molmoact2_ros.nodes.policy_node import PolicyNode
from molmoact2_ros.processing.processor import Processor
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import to_array, to_stamp
from molmoact2_ros.training.demo.fit import norm_tag

pytestmark = pytest.mark.node

PATIENCE_S = 30.0  # bounds a wait that never ends; nothing is timed with it
DROID = Embodiment.load("droid")
DEMO = share_folder() / "checkpoints" / f"demo_{DROID.policy.norm_tag}"
CELLS, SIDE = 16, 70
STATE = DROID.to_policy(DROID.pose("home")).astype(np.float32)
IMAGES = np.full((2, SIDE, SIDE, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Random checkpoints with depth: one that ends the map of the test's image, one that ends none."""
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
    inputs = processor.encode(list(IMAGES), "wave", STATE, DROID.policy.norm_tag, depth=True)
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
        values = {"device": "cpu", "enable_depth": True, **parameters}
        super().__init__(PolicyNode, **values)
        self.chunks: list[ActionChunk] = []
        self.maps: list[DepthMap] = []
        self.node.create_subscription(ActionChunk, "action_chunk", self.chunks.append, qos.CHUNK)
        self.node.create_subscription(DepthMap, "depth", self.maps.append, qos.STATUS)
        self.observations = self.node.create_publisher(Observation, "observation", qos.OBSERVATION)
        self.instructions = self.node.create_publisher(Instruction, "task/instruction", qos.LATCHED)
        self.instructions.publish(Instruction(sequence=1, text="wave"))
        self.think = self.node.create_client(Trigger, "policy/think")
        self.sequence = 0

    def infer(
        self, unchanged_since: int = 0, instance_id: int = 77, changed: int = 0
    ) -> tuple[ActionChunk, DepthMap | None]:
        """Publish until there is a chunk, and return it with its map.

        The cells look as in observation `unchanged_since`, but for the first `changed`; 0: nothing is known of any.
        """
        before = len(self.chunks), len(self.maps)
        self.sequence += 1
        message = self._observation(self.sequence, instance_id)
        facts = np.where(np.arange(CELLS) < changed, 0, unchanged_since).astype(np.uint64)
        message.cells_unchanged_since = to_array("Q", facts)
        self._publish_until(message, lambda: len(self.chunks) > before[0])
        self._spin(0.1)
        return self.chunks[-1], self.maps[-1] if len(self.maps) > before[1] else None

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

    def _observation(self, sequence: int, instance_id: int) -> Observation:
        now_ns = self.node.get_clock().now().nanoseconds
        message = Observation(
            sequence=sequence,
            embodiment="droid",
            camera_roles=list(DROID.camera_roles),
            height=SIDE,
            width=SIDE,
            state_names=list(DROID.joint_names),
            perception_instance_id=instance_id,
        )
        message.header.stamp = message.state_stamp = to_stamp(now_ns)
        message.camera_stamps = [to_stamp(now_ns)] * 2
        message.images = to_array("B", IMAGES)
        message.state = to_array("f", STATE)
        return message

    def _publish_until(self, message: Observation, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self._is_listening() and time.monotonic() < deadline:
            self._spin(0.05)
        self.observations.publish(message)
        while not happened():
            assert time.monotonic() < deadline, f"waited in vain; the node says {self.policy._report()}"
            self._spin(0.05)

    def _is_listening(self) -> bool:
        instructed = self.policy._report()[0][3]["instruction"] == "wave"
        return instructed and self.observations.get_subscription_count() > 0

    def _spin(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.01)


@pytest.fixture
def around(around: Callable[..., Neighbours], checkpoints: dict[str, Path]) -> Callable[..., Neighbours]:
    return lambda **parameters: around(**{"checkpoint": checkpoints["ending"], **parameters})


def test_the_first_map_is_decoded_whole_and_acknowledged_with_both_instance_ids(
    around: Callable[..., Neighbours],
) -> None:
    here = around()
    chunk, depth = here.infer()
    assert (chunk.observation_sequence, chunk.perception_instance_id) == (1, 77)
    assert chunk.policy_instance_id != 0
    assert list(chunk.decoded_cells) == [True] * CELLS
    assert (depth.rows, depth.columns, depth.observation_sequence, depth.header.frame_id) == (4, 4, 1, "external")
    assert (len(depth.codes), list(depth.decoded)) == (CELLS, [True] * CELLS)
    assert depth.forwards == CELLS + 1
    assert depth.decoding_s > 0
    assert (depth.levels, depth.codec, depth.model_id) == (16, "", chunk.model_id)


def test_cells_that_look_as_when_they_were_decoded_keep_their_codes(around: Callable[..., Neighbours]) -> None:
    here = around()
    _, first = here.infer()
    chunk, second = here.infer(unchanged_since=1, changed=7)
    assert list(chunk.decoded_cells) == list(second.decoded) == [True] * 7 + [False] * 9
    assert list(second.codes)[7:] == list(first.codes)[7:]
    assert second.forwards <= 8
    chunk, third = here.infer(unchanged_since=1)  # the first seven were decoded from observation 2
    assert list(third.decoded) == [True] * 7 + [False] * 9
    values = here.policy._report()[0][3]
    assert (values["depth_cells_updated"], values["depth_forwards"]) == (7, third.forwards)


def test_after_a_restart_of_perception_every_cell_is_decoded_again(around: Callable[..., Neighbours]) -> None:
    here = around()
    here.infer()
    chunk, _ = here.infer(unchanged_since=1, instance_id=78)
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


def test_configured_again_it_listens_once(around: Callable[..., Neighbours]) -> None:
    here = around()
    here.policy.trigger_deactivate()
    here.policy.trigger_cleanup()
    here.policy.trigger_configure()
    here.policy.trigger_activate()
    assert here.node.count_subscribers("observation") == 1
    assert [here.node.count_publishers(topic) for topic in ("action_chunk", "depth")] == [1, 1]
    assert here.infer()[1] is not None
