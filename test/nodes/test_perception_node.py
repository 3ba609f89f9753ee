# SPDX-License-Identifier: Apache-2.0
"""The perception node from the outside: real topics with the drivers' qualities of service, in its own domain."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from fakes.fake_camera import FakeCamera
from fakes.lifecycle_manager import repeat_life_cycle
from fakes.neighbours import AroundNode
from PIL import Image as PilImage
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.perception_status import InputState
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.msg import ActionChunk, Observation, PerceptionStatus
from molmoact2_ros.msg import RobotState as RobotStateMsg
from molmoact2_ros.nodes.perception_node import PerceptionNode
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import robot_state_to_msg, stamp_ns, to_array, to_stamp
from molmoact2_ros.ros.lifecycle import WARN

pytestmark = pytest.mark.node

DROID = Embodiment.load("droid")
HEIGHT, WIDTH = 24, 32


class Neighbours(AroundNode):
    """The camera drivers (best effort, padded rows), the bridge and the listeners around a perception node."""

    perception = property(lambda self: self.tested)
    SPINS = 10

    def __init__(self, transport: str = "raw", **parameters: object) -> None:
        values = {"image_height": HEIGHT, "image_width": WIDTH, "image_transport": transport, **parameters}
        super().__init__(PerceptionNode, **values)
        assert self.started, self.perception.failure
        self.cameras = {role: FakeCamera(HEIGHT, WIDTH, seed=i) for i, role in enumerate(DROID.camera_roles)}
        kind, suffix = (Image, "") if transport == "raw" else (CompressedImage, "/compressed")
        self.drivers = {
            camera.role: self.node.create_publisher(kind, camera.topic + suffix, qos_profile_sensor_data)
            for camera in DROID.cameras
        }
        self.robot = self.node.create_publisher(RobotStateMsg, "robot_state", qos.STATE)
        self.observations: list[Observation] = []
        self.statuses: list[PerceptionStatus] = []
        self.node.create_subscription(Observation, "observation", self.observations.append, qos.OBSERVATION)
        self.node.create_subscription(PerceptionStatus, "perception_status", self.statuses.append, qos.STATUS)
        self.pose = DROID.pose("home")

    def send_state(self) -> None:
        state = RobotState(self.now_ns(), DROID.joint_names[::-1], self.pose[::-1], np.zeros(8))
        self.robot.publish(robot_state_to_msg(state, "base"))

    def send_image(self, role: str, now_ns: int, **changes: object) -> None:
        camera = self.cameras[role]
        camera.expose()
        message = Image(height=HEIGHT, width=WIDTH, step=camera.step, encoding="rgb8", **changes)
        message.header.stamp = to_stamp(now_ns)
        message.data = to_array("B", camera.buffer)
        self.drivers[role].publish(message)

    def play(self) -> None:
        self.send_state()
        now_ns = self.now_ns()
        for role in self.cameras:
            self.send_image(role, now_ns)

    def last(self) -> object:
        return self.statuses[-1:]

    def says(self, words: str) -> bool:
        return bool(self.statuses) and words in self.statuses[-1].text


def test_observation_holds_the_images_in_order_and_the_state_in_policy_units(around):
    run = around()
    run.play_until(lambda: run.observations)
    message = run.observations[0]
    images = np.frombuffer(message.images, np.uint8).reshape(2, HEIGHT, WIDTH, 3)
    assert images.max() < 200, "the white padding of the rows must not show"
    assert not np.array_equal(images[0], images[1])
    np.testing.assert_allclose(message.state, DROID.to_policy(run.pose), atol=1e-6)
    assert (message.camera_roles, message.state_names) == (list(DROID.camera_roles), list(DROID.joint_names))


def test_observation_carries_stamps_ages_and_no_change_mask(around):
    run = around()
    run.play_until(lambda: run.observations)
    message = run.observations[0]
    assert message.header.stamp in message.camera_stamps
    assert all(0 < age < 0.2 for age in message.camera_ages_s)
    assert 0 < message.state_age_s < 0.2
    assert (message.sequence, list(message.cells_unchanged_since)) == (1, [])


def test_observations_keep_to_the_rate_parameter(around):
    run = around(rate_hz=5.0)
    run.play_until(lambda: len(run.observations) >= 4)
    stamps_s = [stamp_ns(message.header.stamp) / 1e9 for message in run.observations]
    assert (stamps_s[-1] - stamps_s[0]) / (len(stamps_s) - 1) > 0.85 / 5.0


def test_compressed_transport_listens_to_the_compressed_topics(around):
    run = around("compressed")
    image = PilImage.linear_gradient("L").resize((WIDTH, HEIGHT)).convert("RGB")
    stream = io.BytesIO()
    image.save(stream, "PNG")

    def send() -> None:
        run.send_state()
        for driver in run.drivers.values():
            message = CompressedImage(format="rgb8; png compressed bgr8", data=stream.getvalue())
            message.header.stamp = to_stamp(run.now_ns())
            driver.publish(message)

    run.play_until(lambda: run.observations, send)
    images = np.frombuffer(run.observations[0].images, np.uint8).reshape(2, HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(images[1], np.asarray(image))


def test_a_camera_that_dies_is_named_and_observations_end(around):
    run = around()
    run.play_until(lambda: run.statuses and run.statuses[-1].ready and run.observations)

    def send() -> None:
        run.send_state()
        run.send_image("external", run.now_ns())

    run.play_until(lambda: run.says("camera 'wrist' is stale"), send)
    assert list(run.statuses[-1].states) == [PerceptionStatus.OK, PerceptionStatus.STALE, PerceptionStatus.OK]
    made = len(run.observations)
    run.play_until(lambda: len([s for s in run.statuses if not s.ready]) > 4, send)
    assert len(run.observations) == made


def test_what_never_came_is_missing_and_its_age_is_nan(around):
    run = around()
    run.play_until(lambda: run.statuses, step=lambda: None)
    status = run.statuses[-1]
    assert status.inputs == ["external", "wrist", "robot_state"]
    assert list(status.states) == [PerceptionStatus.MISSING] * 3
    assert np.isnan(status.ages_s).all()
    assert np.isnan(status.skew_s)


def test_a_wrong_step_is_named_with_what_was_expected(around):
    run = around()

    def send() -> None:
        run.play()
        message = Image(height=HEIGHT, width=WIDTH, step=WIDTH, encoding="rgb8", data=bytes(HEIGHT * WIDTH))
        message.header.stamp = to_stamp(run.now_ns())
        run.drivers["wrist"].publish(message)

    run.play_until(lambda: run.says("camera 'wrist' is invalid: step: expected at least 96 bytes a row"), send)


def test_status_comes_as_a_heartbeat_without_any_change(around):
    run = around()
    run.play_until(lambda: len(run.statuses) >= 4, step=lambda: None)
    assert len({tuple(status.states) for status in run.statuses[1:]}) == 1


def test_an_inactive_node_publishes_nothing(around):
    run = around()
    run.play_until(lambda: run.observations)
    run.perception.trigger_deactivate()
    for _ in range(5):
        run.play()
        run.executor.spin_once(timeout_sec=0.01)
    made, reported = len(run.observations), len(run.statuses)
    for _ in range(10):
        run.play()
        run.executor.spin_once(timeout_sec=0.01)
    assert (len(run.observations), len(run.statuses)) == (made, reported)


def test_diagnostics_count_observations_and_the_acknowledged_one(around):
    run = around()
    chunks = run.node.create_publisher(ActionChunk, "action_chunk", qos.CHUNK)
    run.play_until(lambda: run.observations)
    run.play_until(
        lambda: run.perception._report()[0][3]["acknowledged"] == 1,
        step=lambda: chunks.publish(ActionChunk(observation_sequence=1)),
    )
    assert run.perception._report()[0][3]["sequence"] >= 1


def test_an_unknown_transport_fails_configure_in_one_sentence(around):
    with pytest.raises(AssertionError, match="image_transport: expected raw or compressed, got 'theora'"):
        around("theora")


def test_every_input_state_has_its_number_in_the_message():
    assert [getattr(PerceptionStatus, state.name) for state in InputState] == list(range(7))


def test_a_camera_that_is_slower_than_the_observations_warns_in_diagnostics_though_it_is_fresh(around):
    run = around(rate_hz=200.0)

    def slowly() -> None:
        run.play()
        time.sleep(0.05)

    run.play_until(lambda: len(run.observations) > 3, step=slowly)
    reports = {name: (level, text) for name, level, text, _ in run.perception._report()}
    assert reports["external"][0] == WARN
    assert "frames a second, expected 200: raise the rate of the driver" in reports["external"][1]


def test_perception_publishes_observations_after_twenty_life_cycles(around):
    run = around(autostart=False)
    repeat_life_cycle(run.perception, run.executor)
    run.play_until(lambda: run.observations and run.statuses and run.statuses[-1].ready)
    assert run.node.count_publishers("observation") == 1
