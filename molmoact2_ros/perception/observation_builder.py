# SPDX-License-Identifier: Apache-2.0
"""From what arrives to observations: the whole of perception but the topics.

Frames, states and times come in as arguments, so that a recording replays to the same observations as the live graph.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import Camera, Embodiment
from molmoact2_ros.interfaces.camera_frame import CameraFrame
from molmoact2_ros.interfaces.perception_status import InputState
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.processing.images import ByteImage, resize_bilinear
from molmoact2_ros.timing import StampRateLimiter

from .camera_buffer import CameraBuffer
from .cell_comparison import ChangeSettings
from .change_detector import ChangeDetector
from .errors import PerceptionError
from .image_decoding import upright
from .observation import Observation
from .state_buffer import StateBuffer
from .synchroniser import Budgets, Bundle, Decision, synchronise


class ObservationBuilder:
    """Collect frames and states; make an observation of each new set, at most at the given rate."""

    def __init__(
        self,
        embodiment: Embodiment,
        image_size: tuple[int, int],
        rate_hz: float,
        *,
        budgets: Budgets | None = None,
        changes: ChangeSettings | None = None,
        instance_id: int = 0,
    ) -> None:
        """Prepare empty buffers.

        Args:
            embodiment: its cameras, joints and policy units.
            image_size: (h, w) px of the model's input.
            rate_hz: observations a second, at most.
            budgets: how old and how far apart inputs may be.
            changes: how to find that a cell of the depth grid changed.
            instance_id: number that distinguishes this builder's sequences from another's; 0: drawn at random.
        """
        self.instance_id = instance_id or random.SystemRandom().randrange(1, 2**63)
        self.changes = ChangeDetector(changes)
        self._embodiment = embodiment
        self._image_size = image_size
        self._budgets = budgets or Budgets()
        self._cameras = {
            camera.role: CameraBuffer(camera.role, _others(camera, embodiment.cameras)) for camera in embodiment.cameras
        }
        self._state = StateBuffer(embodiment.joint_names)
        self._gate = StampRateLimiter(rate_hz)
        self._undecodable: dict[str, str] = {}
        self._last: Bundle | None = None
        self._sequence = 0

    def add_frame(self, role: str, frame: CameraFrame, now_ns: int | None = None) -> None:
        """Take a frame of the camera with this role, which came at a ROS time."""
        self._cameras[role].add(frame, now_ns)

    def add_state(self, state: RobotState, now_ns: int | None = None) -> None:
        """Take a state of the robot, which came at a ROS time."""
        self._state.add(state, now_ns)
        if not self._state.invalid and self._state.newest:
            arm_rad = self._state.newest.positions[~self._embodiment.is_gripper]
            for camera in self._cameras.values():
                camera.watch(arm_rad)

    def rates_hz(self) -> dict[str, float]:
        """Return frames a second of each camera, by role; NaN before the second frame."""
        return {role: camera.rate_hz for role, camera in self._cameras.items()}

    @property
    def ignored(self) -> int:
        """Frames and states whose stamp was not taken: from the future, or from a foreign clock."""
        return self._state.stamps.ignored + sum(camera.stamps.ignored for camera in self._cameras.values())

    def decide(self, now_ns: int) -> Decision:
        """Judge every input at a ROS time."""
        decision = synchronise(list(self._cameras.values()), self._state, now_ns, self._budgets)
        if not self._undecodable:
            return decision
        statuses = (
            replace(status, state=InputState.INVALID, text=self._undecodable[status.name])
            if status.ok and status.name in self._undecodable
            else status
            for status in decision.statuses
        )
        return replace(decision, statuses=tuple(statuses))

    def build(self, decision: Decision) -> Observation | None:
        """Make the observation that a decision allows; None if it is not a new set, not due, or cannot be decoded."""
        bundle = decision.bundle
        if bundle is None or not bundle.newer_than(self._last) or not self._gate.passes(bundle.stamp_ns):
            return None
        self._last = bundle
        images = self._upright(bundle)
        if images is None:
            return None
        self._sequence += 1
        return Observation(
            sequence=self._sequence,
            camera_stamps_ns=tuple(frame.stamp_ns for frame in bundle.frames),
            images=np.stack([resize_bilinear(image, self._image_size) for image in images]),
            state=self._embodiment.to_policy(bundle.state.positions).astype(np.float32),
            state_stamp_ns=bundle.state.stamp_ns,
            instance_id=self.instance_id,
            changes=self.changes.see(self._sequence, images[0]),
        )

    def acknowledge(self, instance_id: int, sequence: int, decoded: NDArray[np.bool_]) -> None:
        """Learn which cells of the depth grid the policy decoded from an observation; others are ignored."""
        if instance_id == self.instance_id:
            self.changes.acknowledge(sequence, decoded)

    def _upright(self, bundle: Bundle) -> list[ByteImage] | None:
        """Decode every frame; None, and the reason kept for the status, when one cannot be decoded."""
        images = []
        self._undecodable.clear()
        for camera, frame in zip(self._embodiment.cameras, bundle.frames, strict=True):
            try:
                images.append(upright(frame, camera.rotate_deg))
            except PerceptionError as error:
                self._undecodable[camera.role] = f"camera '{camera.role}' is invalid: {error}"
        return None if self._undecodable else images


def _others(camera: Camera, cameras: Sequence[Camera]) -> dict[str, str]:
    """Return the roles of all cameras but one, by their frame_id; those without one cannot be recognised."""
    return {other.frame_id: other.role for other in cameras if other.frame_id and other.role != camera.role}
