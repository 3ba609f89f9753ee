# SPDX-License-Identifier: Apache-2.0
"""The policy node from the outside: real checkpoint, real topics, in its own domain."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from fakes.lifecycle_manager import repeat_life_cycle
from fakes.neighbours import AroundNode

from molmoact2_ros.embodiment import Embodiment, share_folder
from molmoact2_ros.msg import ActionChunk, Instruction, Observation
from molmoact2_ros.nodes.policy_node import PolicyNode
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import chunk_from_msg, to_array, to_stamp
from molmoact2_ros.srv import Instruct

pytestmark = pytest.mark.node

PATIENCE_S = 120.0  # bounds a wait that never ends; nothing is timed with it
DROID = Embodiment.load("droid")
DEMO = share_folder() / "checkpoints" / f"demo_{DROID.policy.norm_tag}"
SIDE = 70
HOME = DROID.pose("home")


class Neighbours(AroundNode):
    """Perception and the listeners around a policy node."""

    policy = property(lambda self: self.tested)
    PATIENCE_S = PATIENCE_S

    def __init__(self, instruction: str = "wave", **parameters: object) -> None:
        values = {"checkpoint": DEMO, "device": "cpu", "seed": 0, **parameters}
        super().__init__(PolicyNode, **values)
        self.chunks: list[ActionChunk] = []
        self.node.create_subscription(ActionChunk, "action_chunk", self.chunks.append, qos.CHUNK)
        self.observations = self.node.create_publisher(Observation, "observation", qos.OBSERVATION)
        self.instructions = self.node.create_publisher(Instruction, "task/instruction", qos.LATCHED)
        self.checks = self.node.create_client(Instruct, "policy/check_instruction")
        self.sequence = self.instruction_sequence = 0
        if instruction:
            self.instruct(instruction)

    def instruct(self, text: str) -> None:
        """Give an instruction as the task node does; empty: withdraw the one before."""
        self.instruction_sequence += 1
        self.instructions.publish(Instruction(sequence=self.instruction_sequence, text=text))

    def observation(self, **changes: object) -> Observation:
        self.sequence += 1
        now_ns = self.node.get_clock().now().nanoseconds
        message = Observation(
            sequence=self.sequence,
            embodiment="droid",
            camera_roles=list(DROID.camera_roles),
            height=SIDE,
            width=SIDE,
            state_names=list(DROID.joint_names),
        )
        message.header.stamp = to_stamp(now_ns - 20_000_000)
        message.camera_stamps = [to_stamp(now_ns - 35_000_000), to_stamp(now_ns - 20_000_000)]
        message.state_stamp = to_stamp(now_ns - 10_000_000)
        message.images = to_array("B", np.full((2, SIDE, SIDE, 3), 90, np.uint8))
        message.state = to_array("f", DROID.to_policy(HOME).astype(np.float32))
        for name, value in changes.items():
            setattr(message, name, value)
        return message

    def play_until(self, happened: Callable[[], object], **changes: object) -> None:
        super().play_until(happened, lambda: self.observations.publish(self.observation(**changes)))

    def spin(self, seconds: float = 0.1) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.01)

    def last(self) -> object:
        return self.report()

    def report(self) -> str:
        return self.policy._report()[0][2]


def _edited_checkpoint(folder: Path, edit: Callable[[dict], None]) -> Path:
    """Copy the demo's checkpoint, with an edited entry of its norm statistics."""
    shutil.copytree(DEMO, folder)
    stats = json.loads((folder / "norm_stats.json").read_text())
    edit(stats["metadata_by_tag"])
    (folder / "norm_stats.json").write_text(json.dumps(stats))
    return folder


def test_a_chunk_carries_where_it_comes_from(around: Callable[..., Neighbours]) -> None:
    here = around()
    here.play_until(lambda: here.chunks)
    chunk = here.chunks[0]
    assert (chunk.instruction, chunk.instruction_sequence, chunk.norm_tag) == ("wave", 1, "franka_droid")
    assert chunk.model_id.startswith("demo_franka_droid@")
    assert 1 <= chunk.observation_sequence <= here.sequence
    assert chunk.step_s == pytest.approx(1 / 15)
    assert 0.02 < chunk.latency_s < PATIENCE_S
    assert chunk.camera_ages_s[0] > chunk.camera_ages_s[1] > chunk.state_age_s > 0


def test_a_chunk_is_in_radians_with_one_as_the_open_gripper_and_starts_where_the_robot_is(
    around: Callable[..., Neighbours],
) -> None:
    here = around()
    here.play_until(lambda: here.chunks)
    chunk = chunk_from_msg(here.chunks[0])
    assert chunk.names == DROID.joint_names
    assert chunk.positions.shape == (15, 8)
    np.testing.assert_allclose(chunk.positions[0], HOME, atol=0.06)


def test_without_an_instruction_nothing_is_inferred_until_one_comes(around: Callable[..., Neighbours]) -> None:
    here = around(instruction="")
    for _ in range(5):
        here.observations.publish(here.observation())
        here.spin(0.1)
    assert (here.chunks, here.report()) == ([], "waiting for an instruction")
    here.instruct("pick up the cube")
    here.play_until(lambda: here.chunks)
    assert here.chunks[0].instruction == "pick up the cube"


def test_a_withdrawn_instruction_ends_inference_and_the_same_text_again_has_another_sequence(
    around: Callable[..., Neighbours],
) -> None:
    here = around()
    here.play_until(lambda: here.chunks)
    here.instruct("")
    here.play_until(lambda: here.report() == "waiting for an instruction")
    here.spin(0.5)  # what was under way
    count = len(here.chunks)
    for _ in range(5):
        here.observations.publish(here.observation())
        here.spin(0.1)
    assert len(here.chunks) == count
    here.instruct("wave")
    here.play_until(lambda: len(here.chunks) > count)
    assert [chunk.instruction_sequence for chunk in here.chunks[count - 1 :]][:2] == [1, 3]


def test_a_policy_that_is_configured_again_receives_the_instruction_in_force(
    around: Callable[..., Neighbours],
) -> None:
    here = around()
    here.play_until(lambda: here.chunks)
    for transition in ("deactivate", "cleanup", "configure", "activate"):
        getattr(here.policy, f"trigger_{transition}")()
    here.chunks.clear()
    here.play_until(lambda: here.chunks)
    assert (here.chunks[-1].instruction, here.chunks[-1].instruction_sequence) == ("wave", 1)


BAD_INSTRUCTIONS = {
    "pick <im_patch> up": "holds the model's own tokens <im_patch>",
    "look at <|image|>": "<|image|>",
    "up " * 600: "say it in fewer words",
    "up" * 200_000: "say it in fewer words",
    " . ": "is empty; say what the robot should do",
}


@pytest.mark.parametrize(
    ("text", "words"), BAD_INSTRUCTIONS.items(), ids=["token", "image", "long", "endless", "empty"]
)
def test_an_instruction_that_the_model_cannot_read_is_rejected_when_asked_and_leaves_nothing_in_force_when_given(
    around: Callable[..., Neighbours], text: str, words: str
) -> None:
    here = around()
    here.play_until(lambda: here.chunks)
    here.play_until(here.checks.service_is_ready)
    answer = here.checks.call_async(Instruct.Request(instruction=text))
    here.play_until(answer.done)
    assert (answer.result().success, words in answer.result().message) == (False, True)
    count = len(here.chunks)
    here.play_until(lambda: len(here.chunks) > count + 2)
    assert (here.chunks[-1].instruction, here.report()) == ("wave", "inferring")
    here.instruct(text)
    here.play_until(lambda: words in here.report())
    assert here.report().startswith("instruction rejected, inferring nothing: ")


def test_an_instruction_that_is_asked_about_is_not_taken(around: Callable[..., Neighbours]) -> None:
    here = around()
    here.play_until(lambda: here.chunks and here.checks.service_is_ready())
    answer = here.checks.call_async(Instruct.Request(instruction="turn left"))
    here.play_until(answer.done)
    assert (answer.result().success, answer.result().message) == (True, "")
    count = len(here.chunks)
    here.play_until(lambda: len(here.chunks) > count + 2)
    assert here.chunks[-1].instruction == "wave"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"camera_roles": ["wrist", "external"]}, "camera_roles"),
        ({"state_names": [*reversed(DROID.joint_names)]}, "state_names"),
        ({"camera_stamps": []}, "number of camera stamps"),
        ({"height": 35}, "image size"),
        ({"images": to_array("B", np.zeros(10, np.uint8))}, "number of image bytes"),
        ({"state": to_array("f", np.zeros(7, np.float32))}, "number of state values"),
    ],
)
def test_an_observation_of_another_make_is_refused_with_what_differs(
    around: Callable[..., Neighbours], changes: dict[str, object], words: str
) -> None:
    here = around()
    here.play_until(lambda: words in here.report(), **changes)
    assert "configure perception alike" in here.report()
    assert here.chunks == []


def test_a_state_that_is_not_finite_gives_no_chunk_and_a_reason(around: Callable[..., Neighbours]) -> None:
    here = around()
    state = DROID.to_policy(HOME).astype(np.float32)
    state[2] = np.nan
    here.play_until(lambda: "no chunk for observation" in here.report(), state=to_array("f", state))
    assert here.chunks == []


def test_the_inference_rate_can_be_bounded(around: Callable[..., Neighbours]) -> None:
    here = around(max_rate_hz=0.05)
    here.play_until(lambda: here.chunks)
    for _ in range(5):
        here.observations.publish(here.observation())
        here.spin(0.1)
    assert len(here.chunks) == 1


def test_the_replan_trigger_waits_for_as_many_rows_as_it_says(around: Callable[..., Neighbours]) -> None:
    here = around(replan_steps=6)  # 0.4 s
    here.play_until(lambda: len(here.chunks) > 2)
    stamps_s = [chunk.header.stamp.sec + chunk.header.stamp.nanosec * 1e-9 for chunk in here.chunks]
    assert np.diff(stamps_s).min() >= 5.5 / 15


def test_in_rtc_mode_each_chunk_is_guided_by_the_one_before_and_the_delay_is_measured(
    around: Callable[..., Neighbours],
) -> None:
    here = around(mode="rtc")
    here.play_until(lambda: len(here.chunks) > 3)
    rtc = here.policy._policy._rtc
    assert rtc.delay.steps() >= 1
    later_ns = rtc._stamp_ns + 66_666_667
    assert rtc.guidance(later_ns, (1, "wave"), 32).target.shape == (1, 15, 32)


def test_in_receding_mode_no_chunk_is_guided(around: Callable[..., Neighbours]) -> None:
    here = around()
    assert here.started
    assert here.policy._policy._rtc is None


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"checkpoint": "/nowhere/at/all"}, "neither an existing folder nor a hub id"),
        ({"embodiment": "nonsense"}, "unknown embodiment 'nonsense'"),
        ({"device": "toaster"}, "expected auto, cpu, cuda"),
        ({"dtype": "float64"}, "must be one of float32, bfloat16"),
        ({"mode": "magic"}, "mode: expected one of receding, ensemble, rtc, got 'magic'"),
        ({"mode": "rtc", "rtc_decay": "square"}, "decay: expected one of linear, exponential, smooth, got 'square'"),
    ],
)
def test_what_cannot_work_fails_configure_with_one_sentence(
    around: Callable[..., Neighbours], parameters: dict[str, object], words: str
) -> None:
    here = around(**parameters)
    assert not here.started
    assert words in here.policy.failure
    assert "\n" not in here.policy.failure


def test_a_checkpoint_without_the_robots_norm_tag_fails_configure(
    around: Callable[..., Neighbours], tmp_path: Path
) -> None:
    folder = _edited_checkpoint(tmp_path / "other", lambda tags: tags.update(other=tags.pop("franka_droid")))
    here = around(checkpoint=folder)
    assert not here.started
    assert "franka_droid" in here.policy.failure
    assert "other" in here.policy.failure


def test_a_checkpoint_of_another_chunk_length_fails_the_handshake(
    around: Callable[..., Neighbours], tmp_path: Path
) -> None:
    folder = _edited_checkpoint(tmp_path / "long", lambda tags: tags["franka_droid"].update(action_horizon=30))
    here = around(checkpoint=folder)
    assert not here.started
    assert "policy.horizon 15" in here.policy.failure


def test_policy_publishes_chunks_after_twenty_life_cycles(around: Callable[..., Neighbours]) -> None:
    here = around(autostart=False)
    repeat_life_cycle(here.policy, here.executor)
    here.play_until(lambda: here.chunks)
    assert here.node.count_publishers("action_chunk") == 1
