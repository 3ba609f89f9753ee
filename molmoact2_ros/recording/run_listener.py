# SPDX-License-Identifier: Apache-2.0
"""Turn what a graph publishes during a run into metrics and camera frames."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import String

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.msg import (
    ActionChunk,
    BridgeState,
    DepthMap,
    Instruction,
    JointCommand,
    Observation,
    PerceptionStatus,
    RobotState,
    SafetyState,
    TaskStatus,
)
from molmoact2_ros.operation.client import OperatorClient, cause_name
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import command_from_msg, robot_state_from_msg, stamp_ns

from .bag_recorder import Topic
from .depth_record import DepthRecord, MapEntry
from .run_metrics import RunMetrics
from .run_report import CameraFrame

FRAMES_PER_CAMERA = 12
DIAGNOSTICS = QoSProfile(depth=10)


class RunListener:
    """Subscriptions of one run; `metrics`, `frames`, `depth` and `diagnostics` are what they brought."""

    def __init__(self, robot: Embodiment, seconds: float) -> None:
        """Prepare for a run of `seconds` armed."""
        self._robot = robot
        self._frame_period_s = seconds / FRAMES_PER_CAMERA
        self._next_frame_s = dict.fromkeys(robot.camera_roles, 0.0)
        self._command_qos = qos.command(1.0 / robot.command_rate_hz)
        self.now_ns: Callable[[], int] = time.time_ns  # the time by which the run is measured
        self.digest = hashlib.sha256()  # of every command that passed and every robot state
        self.metrics = RunMetrics(tuple(joint.name for joint in robot.joints if not joint.is_gripper))
        self.frames: list[CameraFrame] = []
        self.depth = DepthRecord(seconds)
        self._images = dict.fromkeys(robot.camera_roles, 0)  # while armed
        self._sizes: dict[str, str] = {}
        self.diagnostics: dict[str, dict[str, str]] = {}

    def topics(self) -> list[Topic]:
        """Return every topic worth recording."""
        return [
            *(Topic(camera.topic, Image, qos.CAMERA) for camera in self._robot.cameras),
            Topic("robot_state", RobotState, qos.STATE),
            Topic("observation", Observation, qos.OBSERVATION),
            Topic("action_chunk", ActionChunk, qos.CHUNK),
            Topic("depth", DepthMap, qos.STATUS),
            Topic("command/proposed", JointCommand, self._command_qos),
            Topic("command/safe", JointCommand, self._command_qos),
            Topic("safety_state", SafetyState, qos.LATCHED),
            Topic("bridge_state", BridgeState, qos.LATCHED),
            Topic("perception_status", PerceptionStatus, qos.STATUS),
            Topic("instruction", String, qos.LATCHED),
            Topic("task/instruction", Instruction, qos.LATCHED),
            Topic("task_status", TaskStatus, qos.LATCHED),
            Topic("diagnostics", DiagnosticArray, DIAGNOSTICS),
        ]

    def listen(self, client: OperatorClient) -> None:
        """Subscribe."""
        self.now_ns = client.now_ns
        client.listen(SafetyState, "safety_state", qos.LATCHED, self._on_safety)
        client.listen(Observation, "observation", qos.to_record(qos.OBSERVATION), self._on_observation, raw=True)
        client.listen(ActionChunk, "action_chunk", qos.to_record(qos.CHUNK), self._on_chunk)
        client.listen(DepthMap, "depth", qos.to_record(qos.STATUS), self._on_depth)
        client.listen(Image, "depth/image", qos.CAMERA, self._on_depth_image)
        client.listen(Image, "depth/metric", qos.CAMERA, self._on_depth_metric)
        client.listen(RobotState, "robot_state", qos.to_record(qos.STATE), self._on_robot_state)
        client.listen(JointCommand, "command/safe", qos.to_record(self._command_qos), self._on_command)
        client.listen(DiagnosticArray, "/diagnostics", DIAGNOSTICS, self._on_diagnostics)
        for camera in self._robot.cameras:
            client.listen(Image, camera.topic, qos.CAMERA, functools.partial(self._on_image, camera.role))

    def cameras(self) -> dict[str, str]:
        """Return what each camera ran at while armed, e.g. `320x180 at 15.0 Hz`."""
        seconds = max(self.metrics.armed_seconds(self.now_ns()), 1e-9)
        return {role: f"{size} at {self._images[role] / seconds:.1f} Hz" for role, size in self._sizes.items()}

    def _on_safety(self, message: SafetyState) -> None:
        cause = cause_name(message.cause) if message.cause else ""
        self.metrics.on_safety(armed=message.mode == SafetyState.ARMED, cause=cause, now_ns=self.now_ns())

    def _on_observation(self, _data: bytes) -> None:
        self.metrics.on_observation()

    def _on_chunk(self, message: ActionChunk) -> None:
        self.metrics.on_chunk(message.latency_s, message.inference_s)

    def _on_depth(self, message: DepthMap) -> None:
        decoded = np.array(message.decoded, np.bool_).reshape(message.rows, message.columns)
        time_s, decoding_ms = stamp_ns(message.header.stamp) * 1e-9, message.decoding_s * 1e3
        self.depth.add(MapEntry(time_s, decoded, message.forwards, decoding_ms, moving=self.metrics.armed))

    def _on_depth_image(self, message: Image) -> None:
        image = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        self.depth.images.add(stamp_ns(message.header.stamp) * 1e-9, image)

    def _on_depth_metric(self, message: Image) -> None:
        depth_m = np.frombuffer(message.data, np.float32).reshape(message.height, message.width)
        self.depth.decoded.add(stamp_ns(message.header.stamp) * 1e-9, depth_m)

    def _on_robot_state(self, message: RobotState) -> None:
        state = robot_state_from_msg(message)
        self._digest(state.stamp_ns, state.positions, state.velocities)
        self.metrics.on_robot_state(state)

    def _on_command(self, message: JointCommand) -> None:
        command = command_from_msg(message)
        self._digest(command.start_ns, command.positions, command.velocities)
        self.metrics.on_command(command)

    def _digest(self, time_ns: int, positions: NDArray[np.float64], velocities: NDArray[np.float64]) -> None:
        if self.metrics.is_frozen:
            return
        for part in (time_ns.to_bytes(8, "little"), positions.tobytes(), velocities.tobytes()):
            self.digest.update(part)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.diagnostics[status.name] = {item.key: item.value for item in status.values}

    def _on_image(self, role: str, message: Image) -> None:
        if not self.metrics.armed:
            return
        self._images[role] += 1
        self._sizes[role] = f"{message.width}x{message.height}"
        seconds = self.metrics.armed_seconds(self.now_ns())
        if seconds < self._next_frame_s[role]:
            return
        image = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3).copy()
        self.frames.append(CameraFrame(role, seconds, image))
        self._next_frame_s[role] += self._frame_period_s
