# SPDX-License-Identifier: Apache-2.0
"""The command with real publishers in this process: what is planted on the topics stands in its lines."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from fakes.fake_driver import FakeDriver
from fakes.recorded_drivers import ARM, DROID, GRIPPER, HOME, scene
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from molmoact2_ros.cli.main import main
from molmoact2_ros.embodiment import share_folder
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import to_array, to_stamp

pytestmark = pytest.mark.node

DOMAIN = 16
STATE_RATE_HZ, CAMERA_RATE_HZ = 60.0, 15.0


class Lab:
    """The drivers of a DROID robot, published from a thread of their own; `traps` corrupt them."""

    def __init__(self, traps: set[str]) -> None:
        self._traps = traps
        self._context = Context()
        rclpy.init(context=self._context, domain_id=DOMAIN)
        self.node = Node("lab", context=self._context)
        arm = np.rad2deg(HOME[:7]) if "degrees" in traps else HOME[:7]
        self._drivers = [(FakeDriver(ARM, arm), ARM.state_topic), (FakeDriver(GRIPPER, HOME[7:]), GRIPPER.state_topic)]
        self._publishers: dict[str, Any] = {
            topic: self.node.create_publisher(JointState, topic, qos_profile_sensor_data) for _, topic in self._drivers
        }
        for each in DROID.cameras:
            self._publishers[each.topic] = self.node.create_publisher(Image, each.topic, qos_profile_sensor_data)
        self.node.create_subscription(Float64MultiArray, GRIPPER.command_topic, lambda _: None, qos.CONTROLLER)
        self.node.create_subscription(JointTrajectory, ARM.command_topic, lambda _: None, qos.CONTROLLER)
        if "second_publisher" in traps:
            self.node.create_publisher(JointTrajectory, ARM.command_topic, qos.CONTROLLER)
        self._random = np.random.default_rng(0)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._publish_for_ever)
        self._thread.start()

    def close(self) -> None:
        self._ends.set()
        self._thread.join()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def _publish_for_ever(self) -> None:
        began, count = time.monotonic(), 0
        while not self._ends.wait(max(0.0, began + count / STATE_RATE_HZ - time.monotonic())):
            for driver, topic in self._drivers:
                self._publishers[topic].publish(self._state(driver))
            if count % round(STATE_RATE_HZ / CAMERA_RATE_HZ) == 0:
                for seed, each in enumerate(DROID.cameras):
                    self._publishers[each.topic].publish(self._image(each.role, seed))
            count += 1

    def _state(self, driver: FakeDriver) -> JointState:
        report = driver.report(0, velocities=np.zeros(len(driver.names) - 2))
        message = JointState(name=list(report.names))
        message.header.stamp = to_stamp(time.time_ns())
        message.position, message.velocity = to_array("d", report.positions), to_array("d", report.velocities)
        return message

    def _image(self, role: str, seed: int) -> Image:
        image = scene(seed)
        if not ("frozen" in self._traps and role == "wrist"):
            image = image + self._random.integers(0, 3, image.shape, dtype=np.uint8)
        message = Image(height=48, width=64, encoding="rgb8", step=192, data=to_array("B", image))
        message.header.stamp, message.header.frame_id = to_stamp(time.time_ns()), f"{role}_camera"
        return message


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    # What the command sets too: so it is put back afterwards.
    monkeypatch.setenv("ROS_DOMAIN_ID", str(DOMAIN))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", str(share_folder() / "config" / "fastdds_profile.xml"))
    labs: list[Lab] = []
    yield lambda *traps: labs.append(Lab(set(traps)))
    for each in labs:
        each.close()


def _doctor(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, str]], list[str]]:
    """Return exit status, the robot's checks by name, the lines."""
    arguments = ["--driver", "franka_ros2_robotiq_forward", "--checkpoint", "demo", "--seconds", "2", "--json"]
    status = main(["doctor", "droid", "--domain-id", str(DOMAIN), *arguments])
    lines = capsys.readouterr().out.splitlines()
    report = json.loads(lines[-1])
    assert report["ok"] == (status == 0)
    return status, {check["name"]: check for check in report["checks"]}, lines


def test_drivers_that_are_well_pass(lab: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    lab()
    status, checks, lines = _doctor(capsys)
    assert status == 0, lines
    assert checks["topic joint_states"]["found"] == "sensor_msgs/msg/JointState from lab"
    assert "64 x 48 rgb8" in checks["camera wrist image"]["found"]
    assert checks["gripper controller"]["found"] == "lab listens on robotiq_gripper_controller/commands"
    assert lines[-2].startswith("droid, driver franka_ros2_robotiq_forward: ")
    assert lines[-2].endswith("; ready")


def test_traps_on_the_topics_are_found_and_end_with_status_1(
    lab: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    lab("degrees", "frozen", "second_publisher")
    status, checks, lines = _doctor(capsys)
    assert status == 1
    failed = {name for name, check in checks.items() if check["status"] == "failed"}
    assert failed == {"joint1..joint7 limits", "camera wrist change", "joint1..joint7 second publishers"}, lines
    assert "look like degrees" in checks["joint1..joint7 limits"]["remedy"]
    assert checks["joint1..joint7 second publishers"]["found"] == f"lab publishes on {ARM.command_topic}"
    assert sum(line.startswith("FAILED") for line in lines) == 3


def test_a_domain_without_drivers_names_every_topic_that_is_missing(capsys: pytest.CaptureFixture[str], lab) -> None:
    status, checks, _ = _doctor(capsys)
    topics = [ARM.state_topic, GRIPPER.state_topic, *(each.topic for each in DROID.cameras)]
    assert status == 1
    assert [checks[f"topic {topic}"]["status"] for topic in topics] == ["failed"] * 4
    assert "look at --domain-id" in checks["topic joint_states"]["remedy"]
