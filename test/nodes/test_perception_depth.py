# SPDX-License-Identifier: Apache-2.0
"""The perception node with a policy that reasons in depth: which cells look as before, and acknowledgements."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from fakes.neighbours import AroundNode
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.msg import ActionChunk, Observation
from molmoact2_ros.msg import RobotState as RobotStateMsg
from molmoact2_ros.nodes.perception_node import PerceptionNode
from molmoact2_ros.processing.depth_reuse import reusable_cells
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import robot_state_to_msg, to_array, to_stamp

pytestmark = pytest.mark.node

DROID = Embodiment.load("droid")
HEIGHT, WIDTH, GRID = 120, 160, 4
CELLS = GRID * GRID


class Neighbours(AroundNode):
    """Cameras with the noise of a sensor, the bridge, and a policy that decodes each observation that it receives."""

    perception = property(lambda self: self.tested)
    SPINS = 10

    def __init__(self, **parameters: object) -> None:
        super().__init__(PerceptionNode, **{"image_height": 14, "image_width": 14, **parameters})
        assert self.started, self.perception.failure
        self.drivers = [
            self.node.create_publisher(Image, camera.topic, qos_profile_sensor_data) for camera in DROID.cameras
        ]
        self.robot = self.node.create_publisher(RobotStateMsg, "robot_state", qos.STATE)
        self.chunks = self.node.create_publisher(ActionChunk, "action_chunk", qos.CHUNK)
        self.node.create_subscription(Observation, "observation", self._on_observation, qos.OBSERVATION)
        self.scene = (
            np.random.default_rng(0).integers(60, 200, (HEIGHT // 10, WIDTH // 10, 3)).repeat(10, 0).repeat(10, 1)
        )
        self.noise = np.random.default_rng(1)
        self.observations: list[Observation] = []
        self.reused: list[np.ndarray] = []
        self.acknowledged: list[int] = []
        self.answering = True
        self.perception_instance_id = lambda message: message.perception_instance_id
        self.decoded_at, self.instance_id = np.zeros(CELLS, np.uint64), 0

    def _on_observation(self, message: Observation) -> None:
        self.observations.append(message)
        unchanged_since = np.array(message.cells_unchanged_since, np.uint64).reshape(-1, CELLS)
        known = message.perception_instance_id == self.instance_id
        reused = reusable_cells(unchanged_since, self.decoded_at) if known else np.zeros(CELLS, np.bool_)
        self.reused.append(reused)
        if self.answering:
            self.instance_id = message.perception_instance_id
            self.decoded_at = np.where(reused, self.decoded_at, np.uint64(message.sequence))
            self._answer(message, ~reused)

    def _answer(self, message: Observation, decoded: np.ndarray) -> None:
        self.acknowledged.append(message.sequence)
        chunk = ActionChunk(
            observation_sequence=message.sequence, policy_instance_id=77, decoded_cells=decoded.tolist()
        )
        chunk.perception_instance_id = self.perception_instance_id(message)
        self.chunks.publish(chunk)

    def play(self) -> None:
        now_ns = self.now_ns()
        state = RobotState(now_ns, DROID.joint_names, DROID.pose("home"), np.zeros(8))
        self.robot.publish(robot_state_to_msg(state, "base"))
        for driver in self.drivers:
            noisy = np.clip(self.scene + self.noise.normal(0, 2, self.scene.shape), 0, 255).astype(np.uint8)
            message = Image(height=HEIGHT, width=WIDTH, step=3 * WIDTH, encoding="rgb8", data=to_array("B", noisy))
            message.header.stamp = to_stamp(now_ns)
            driver.publish(message)


def test_a_still_scene_is_reused_and_what_changes_in_it_is_not(around):
    run = around()
    run.play_until(lambda: run.reused and run.reused[-1].all())
    message = run.observations[-1]
    assert message.sequence - 1 in run.acknowledged
    run.scene[:30, 40:80] = 255 - run.scene[:30, 40:80]
    before = len(run.observations)
    run.play_until(lambda: len(run.observations) > before + 3)
    decoded = np.any([~reused for reused in run.reused[before:]], axis=0)
    assert np.flatnonzero(decoded).tolist() == [1]
    assert run.reused[-1].all()


def test_without_a_policy_that_reasons_in_depth_nothing_is_said_of_cells(around):
    run = around()
    run.answering = False
    run.play_until(lambda: len(run.observations) >= 3)
    message = run.observations[-1]
    assert len(message.cells_unchanged_since) == 0
    assert message.perception_instance_id != 0


def test_acknowledgements_of_another_perceptions_observations_count_for_nothing(around):
    run = around()
    run.perception_instance_id = lambda message: message.perception_instance_id ^ 1
    run.play_until(lambda: len(run.observations) >= 4)
    assert all(len(message.cells_unchanged_since) == 0 for message in run.observations)


def test_configuring_again_draws_another_instance_id(around):
    run = around()
    run.play_until(lambda: run.reused and run.reused[-1].all())
    first = run.observations[-1].perception_instance_id
    run.perception.trigger_deactivate()
    run.perception.trigger_cleanup()
    run.perception.trigger_configure()
    run.perception.trigger_activate()
    run.play_until(lambda: run.observations[-1].perception_instance_id != first)
    fresh = next(i for i, message in enumerate(run.observations) if message.perception_instance_id != first)
    assert not run.reused[fresh].any()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("change_statistic", "sine", "change_statistic: expected cosine or noise, got 'sine'"),
        ("change_reference", "first", "change_reference: expected previous or per_cell, got 'first'"),
    ],
)
def test_a_wrong_parameter_fails_configure_in_one_sentence(around, name, value, sentence):
    with pytest.raises(AssertionError, match=sentence):
        around(**{name: value})
