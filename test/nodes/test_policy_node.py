# SPDX-License-Identifier: Apache-2.0
"""The policy node from the outside: real checkpoint, real topics, in its own domain."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from fakes.lifecycle_manager import repeat_life_cycle
from fakes.neighbours import AroundNode
from rclpy.parameter import Parameter
from std_msgs.msg import String

from molmoact2_ros.embodiment import Embodiment, share_folder
from molmoact2_ros.msg import ActionChunk, Observation
from molmoact2_ros.nodes import qos
from molmoact2_ros.nodes.messages import chunk_from_msg, to_array, to_stamp
from molmoact2_ros.nodes.policy_node import PolicyNode

pytestmark = pytest.mark.node

PATIENCE_S = 20.0  # bounds a wait that never ends; nothing is timed with it
DROID = Embodiment.load("droid")
DEMO = share_folder() / "checkpoints" / f"demo_{DROID.policy.norm_tag}"
SIDE = 70
HOME = DROID.pose("home")


class Neighbours(AroundNode):
    """Perception and the listeners around a policy node."""

    policy = property(lambda self: self.tested)
    PATIENCE_S = PATIENCE_S

    def __init__(self, **parameters: object) -> None:
        values = {"checkpoint": DEMO, "instruction": "wave", "device": "cpu", "seed": 0, **parameters}
        super().__init__(PolicyNode, **values)
        self.chunks: list[ActionChunk] = []
        self.node.create_subscription(ActionChunk, "action_chunk", self.chunks.append, qos.CHUNK)
        self.observations = self.node.create_publisher(Observation, "observation", qos.OBSERVATION)
        self.instructions = self.node.create_publisher(String, "instruction", qos.LATCHED)
        self.sequence = 0

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
    assert (chunk.instruction, chunk.norm_tag) == ("wave", "franka_droid")
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
    here = around(instruction="''")
    for _ in range(5):
        here.observations.publish(here.observation())
        here.spin(0.1)
    assert (here.chunks, here.report()) == ([], "waiting for an instruction")
    here.instructions.publish(String(data="pick up the cube"))
    here.play_until(lambda: here.chunks)
    assert here.chunks[0].instruction == "pick up the cube"


def test_an_empty_instruction_on_the_topic_changes_nothing_and_is_reported(around: Callable[..., Neighbours]) -> None:
    here = around()
    here.play_until(lambda: here.chunks)
    here.instructions.publish(String(data=" . "))
    here.play_until(lambda: "is empty; say what the robot should do" in here.policy.complaint)
    here.play_until(lambda: len(here.chunks) > 3)
    assert here.chunks[-1].instruction == "wave"


def test_the_instruction_parameter_can_change_and_refuses_an_empty_one(around: Callable[..., Neighbours]) -> None:
    here = around()
    changed = here.policy.set_parameters([Parameter("instruction", value="turn left")])[0]
    assert changed.successful
    here.play_until(lambda: here.chunks and here.chunks[-1].instruction == "turn left")
    refused = here.policy.set_parameters([Parameter("instruction", value="  ")])[0]
    assert (refused.successful, "is empty" in refused.reason) == (False, True)


BAD_INSTRUCTIONS = {
    "pick <im_patch> up": "holds the model's own tokens <im_patch>",
    "look at <|image|>": "<|image|>",
    "up " * 600: "say it in fewer words",
    "up" * 200_000: "say it in fewer words",
}


@pytest.mark.parametrize(("text", "words"), BAD_INSTRUCTIONS.items(), ids=["token", "image", "long", "endless"])
def test_an_instruction_that_the_model_cannot_read_is_rejected_where_it_is_given(
    around: Callable[..., Neighbours], text: str, words: str
) -> None:
    here = around()
    here.play_until(lambda: here.chunks)
    here.instructions.publish(String(data=text))
    here.play_until(lambda: words in here.policy.complaint)
    refused = here.policy.set_parameters([Parameter("instruction", value=text)])[0]
    assert (refused.successful, words in refused.reason) == (False, True)
    count = len(here.chunks)
    here.play_until(lambda: len(here.chunks) > count + 2)
    assert here.chunks[-1].instruction == "wave"
    assert here.report() == "inferring"


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [("turn left", 0, "instruction: 'turn left'"), ("pick <im_patch> up", 1, "instruction rejected: ")],
)
def test_the_command_says_whether_the_policy_took_an_instruction(
    around: Callable[..., Neighbours], text: str, status: int, words: str
) -> None:
    here = around()
    command = [sys.executable, "-m", "molmoact2_ros.cli", "instruct", text, "--domain-id", "70"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        here.play_until(lambda: process.poll() is not None)
        output = process.communicate()[0]
    assert (process.returncode, words in output) == (status, True), output


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
    continuation = here.policy._policy._continuation
    assert continuation.delay.steps() >= 1
    later_ns = continuation._stamp_ns + 66_666_667
    assert continuation.guide(later_ns, (1, "wave"), 32).target.shape == (1, 15, 32)


def test_in_receding_mode_no_chunk_is_guided(around: Callable[..., Neighbours]) -> None:
    here = around()
    assert here.started
    assert here.policy._policy._continuation is None


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"checkpoint": "/nowhere/at/all"}, "neither an existing folder nor a hub id"),
        ({"embodiment": "nonsense"}, "unknown embodiment 'nonsense'"),
        ({"device": "toaster"}, "expected auto, cpu, cuda"),
        ({"dtype": "float64"}, "must be one of float32, bfloat16"),
        ({"mode": "magic"}, "mode: expected one of receding, ensemble, rtc, got 'magic'"),
        ({"mode": "rtc", "rtc_decay": "square"}, "decay: expected one of linear, exponential, smooth, got 'square'"),
        ({"instruction": "'...'"}, "is empty; say what the robot should do"),
        ({"instruction": "'pick <im_patch> up'"}, "holds the model's own tokens <im_patch>"),
        ({"instruction": f"'{'up ' * 600}'"}, "say it in fewer words"),
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
