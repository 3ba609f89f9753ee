# SPDX-License-Identifier: Apache-2.0
"""Bundle the newest camera frames and the robot's state into observations, or say which input prevents it.

Topics (relative; cameras as the embodiment file names them):
    in   camera/<role>/image               sensor_msgs/Image              best effort 2; with image_transport raw
    in   camera/<role>/image/compressed    sensor_msgs/CompressedImage    best effort 2; with image_transport compressed
    in   robot_state                       RobotState                     reliable 1
    in   action_chunk                      ActionChunk                    reliable 1; acknowledges an observation
    out  observation                       Observation                    reliable 1; of new frames, at most rate_hz
    out  perception_status                 PerceptionStatus               reliable 1; on change and at heartbeat_rate_hz

The logic is in `perception.ObservationBuilder`. Frames are decoded and resized only when they are used.

Run: ros2 run molmoact2_ros perception --ros-args -p embodiment:=droid
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from molmoact2_ros.embodiment import Camera, Embodiment
from molmoact2_ros.interfaces.perception_status import InputStatus
from molmoact2_ros.msg import ActionChunk, PerceptionStatus, RobotState
from molmoact2_ros.msg import Observation as ObservationMsg
from molmoact2_ros.perception import Budgets, ChangeSettings, Decision, ObservationBuilder
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import robot_state_from_msg
from molmoact2_ros.ros.latency_budget import LatencyBudget
from molmoact2_ros.ros.lifecycle import OK, WARN, Molmoact2Node, Report, run
from molmoact2_ros.ros.observation_conversions import (
    COMPRESSED_TRANSPORT,
    RAW_TRANSPORT,
    frame_from_compressed,
    frame_from_image,
    observation_to_msg,
    status_to_msg,
)
from molmoact2_ros.ros.status_log import StatusLog
from molmoact2_ros.ros.status_publisher import StatusPublisher
from molmoact2_ros.schema import param, quoted

WATCH_RATE_HZ = 20.0  # how often inputs are looked at when nothing arrives: a dead camera sends no event
SLOW_SHARE = 0.8  # of the wanted rate: a camera below is worth a warning
MAKING_SHARE = 0.5  # of the time between two observations: frames must be received meanwhile


@dataclass(frozen=True)
class PerceptionParams:
    """Parameters of the perception node."""

    embodiment: str = param("droid", "Robot: name of a shipped embodiment, or path of an embodiment file")
    image_transport: str = param(
        RAW_TRANSPORT, "What the camera drivers send: raw, or compressed (then '/compressed' is added to each topic)"
    )
    rate_hz: float = param(0.0, "Most observations a second; 0: the policy's rate", unit="Hz", low=0, high=200)
    image_height: int = param(378, "Height of the model's images", unit="px", low=1, high=4096)
    image_width: int = param(378, "Width of the model's images", unit="px", low=1, high=4096)
    heartbeat_rate_hz: float = param(
        5.0, "perception_status comes at least this often", unit="Hz", low=2, high=WATCH_RATE_HZ
    )
    budgets: Budgets = field(default_factory=Budgets)
    changes: ChangeSettings = field(default_factory=ChangeSettings)


class PerceptionNode(Molmoact2Node[PerceptionParams]):
    """Lifecycle node around one ObservationBuilder."""

    def __init__(self) -> None:
        super().__init__("perception", PerceptionParams)

    def _setup(self) -> None:
        if self.params.image_transport not in (RAW_TRANSPORT, COMPRESSED_TRANSPORT):
            raise ValueError(f"image_transport: expected raw or compressed, got {self.params.image_transport!r}")
        self._robot = Embodiment.load(self.params.embodiment)
        self._size = (self.params.image_height, self.params.image_width)
        self._rate_hz = self.params.rate_hz or self._robot.policy.rate_hz
        self._builder = ObservationBuilder(
            self._robot,
            self._size,
            self._rate_hz,
            budgets=self.params.budgets,
            changes=self.params.changes,
            instance_id=self.instance_id,
        )
        self._last_sequence = self._acknowledged = self._reported_sequence = 0
        # frame_ids that are expected, by role, of cameras not warned of yet
        self._strange = {camera.role: camera.frame_id for camera in self._robot.cameras if camera.frame_id}
        budgets = self.params.budgets
        self._camera_ages = {
            role: LatencyBudget(f"camera '{role}' age", 1e3 * budgets.camera_max_age_s)
            for role in self._robot.camera_roles
        }
        self._state_ages = LatencyBudget("state age", 1e3 * budgets.state_max_age_s)
        self._skews = LatencyBudget("skew", 1e3 * budgets.max_skew_s)
        self._costs = LatencyBudget("making", MAKING_SHARE * 1e3 / self._rate_hz)
        self._make_topics()
        self.steady_timer(1.0 / WATCH_RATE_HZ, self._update)

    def _activated(self) -> None:
        self._log = StatusLog(self.get_logger(), self.steady_now_ns())

    def _make_topics(self) -> None:
        self._observations = self.publisher(ObservationMsg, "observation", qos.OBSERVATION)
        self._statuses = StatusPublisher(
            self,
            PerceptionStatus,
            "perception_status",
            qos.STATUS,
            heartbeat_hz=self.params.heartbeat_rate_hz,
            watch_hz=WATCH_RATE_HZ,
        )
        for camera in self._robot.cameras:
            self._subscribe_to(camera)
        self.subscription(RobotState, "robot_state", self._on_robot_state, qos.STATE)
        self.subscription(ActionChunk, "action_chunk", self._on_chunk, qos.CHUNK)

    def _subscribe_to(self, camera: Camera) -> None:
        kind, suffix, unpack = Image, "", frame_from_image
        if self.params.image_transport == COMPRESSED_TRANSPORT:
            kind, suffix, unpack = CompressedImage, "/compressed", frame_from_compressed
        self.subscription(kind, camera.topic + suffix, partial(self._on_frame, camera.role, unpack), qos.CAMERA)

    # Callbacks, all in the executor's thread.

    def _on_frame(self, role: str, unpack: Any, message: Any) -> None:
        if self.active:
            self._note_frame_id(role, message.header.frame_id)
            self._builder.add_frame(role, unpack(message, self.steady_now_ns()), self.ros_now_ns())
            self._update()

    def _note_frame_id(self, role: str, frame_id: str) -> None:
        """Warn once of each camera whose images carry a name that the embodiment file does not have."""
        expected = self._strange.get(role, frame_id)
        if frame_id == expected:
            return
        del self._strange[role]
        self.get_logger().warning(
            f"images of camera '{role}' carry the frame_id '{quoted(frame_id)}', the embodiment file has '{expected}': "
            "put it there, so that swapped cameras are found"
        )

    def _on_robot_state(self, message: RobotState) -> None:
        if self.active:
            self._builder.add_state(robot_state_from_msg(message), self.ros_now_ns())

    def _on_chunk(self, message: ActionChunk) -> None:
        self._acknowledged = message.observation_sequence
        decoded = np.array(message.decoded_cells, dtype=np.bool_)
        self._builder.acknowledge(message.perception_instance_id, message.observation_sequence, decoded)

    def _update(self) -> None:
        if not self.active:
            return
        decision = self._builder.decide(self.ros_now_ns())
        began_ns = time.monotonic_ns()
        observation = self._builder.build(decision)
        if observation is not None:
            message = observation_to_msg(observation, self._robot, self.ros_now_ns())
            self._observations.publish(message)
            self._note(message, (time.monotonic_ns() - began_ns) / 1e6)
            self._last_sequence = observation.sequence
        self._publish_status(decision)

    def _note(self, message: ObservationMsg, cost_ms: float) -> None:
        """Hold an observation that was published against the budgets."""
        for stage, age_s in zip(self._camera_ages.values(), message.camera_ages_s, strict=True):
            stage.add_s(age_s)
        self._state_ages.add_s(message.state_age_s)
        self._skews.add_s(message.skew_s)
        self._costs.add(cost_ms)

    # What is published.

    def _publish_status(self, decision: Decision) -> None:
        """Publish the status when an input changed its state, and as a heartbeat."""
        states = tuple(status.state for status in decision.statuses)
        if not (self._statuses.overdue() or self._statuses.changed(states)):
            return
        self._log.note(states, decision.text, self.steady_now_ns())
        self._statuses.publish(states, status_to_msg(decision, self._last_sequence, self.ros_now_ns()))

    def _input_report(self, status: InputStatus, rate_hz: float | None) -> Report:
        """Report one input; a camera that is slower than the observations says so, fresh as its frames may be."""
        values = {"age_s": round(status.age_s, 3)}
        if rate_hz is None:
            return status.name, OK if status.ok else WARN, status.text, values
        values["rate_hz"] = round(rate_hz, 1)
        slow = rate_hz < SLOW_SHARE * self._rate_hz
        text = status.text or (
            f"{rate_hz:.1f} frames a second, expected {self._rate_hz:g}: raise the rate of the driver, or look whether "
            "frames get lost"
            if slow
            else ""
        )
        return status.name, OK if status.ok and not slow else WARN, text, values

    def _report(self) -> list[Report]:
        decision = self._builder.decide(self.ros_now_ns())
        rates_hz = self._builder.rates_hz()
        reports = [self._input_report(status, rates_hz.get(status.name)) for status in decision.statuses]
        values = {
            "sequence": self._last_sequence,
            "acknowledged": self._acknowledged,
            "in_last_second": self._last_sequence - self._reported_sequence,
            "wanted_rate_hz": self._rate_hz,
            "skew_s": round(decision.skew_s, 4),
            "strange_stamps": self._builder.ignored,
        }
        self._reported_sequence = self._last_sequence
        text = "publishing" if decision.ready else "waiting for fresh inputs"
        stages = [*self._camera_ages.values(), self._state_ages, self._skews, self._costs]
        return [
            ("observation", OK if decision.ready else WARN, text, values),
            *reports,
            *(stage.report() for stage in stages),
        ]


def main() -> int:
    """Run the node."""
    return run(PerceptionNode)


if __name__ == "__main__":
    sys.exit(main())
