# SPDX-License-Identifier: Apache-2.0
"""Decide whether the newest inputs can make an observation, and say of each input why not.

A pure decision: no clock, no waiting. A dead camera never holds the others up; it is named.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from molmoact2_ros.interfaces.camera_frame import CameraFrame
from molmoact2_ros.interfaces.perception_status import InputState, InputStatus
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.schema import param
from molmoact2_ros.timing import RESTART_NS

from .camera_buffer import CameraBuffer
from .state_buffer import StateBuffer


@dataclass(frozen=True)
class Budgets:
    """Budgets of an observation: ages and skew of its inputs, and the motion that must change a camera's image."""

    camera_max_age_s: float = param(0.2, "Oldest camera frame in an observation", unit="s", low=0.01, high=2)
    state_max_age_s: float = param(0.1, "Oldest robot state in an observation", unit="s", low=0.01, high=1)
    max_skew_s: float = param(0.05, "Most that the frames of an observation may lie apart", unit="s", low=0.001, high=1)
    moved_rad: float = param(
        0.05,
        "Arm motion during which a camera's image must change; noise of the encoders must stay below",
        unit="rad",
        low=0.001,
        high=1,
    )


@dataclass(frozen=True, eq=False)
class Bundle:
    """One frame per camera, in the policy's order, and the newest state; all within their budgets."""

    frames: tuple[CameraFrame, ...]
    state: RobotState

    @property
    def stamp_ns(self) -> int:
        """The newest camera stamp."""
        return max(frame.stamp_ns for frame in self.frames)

    def newer_than(self, other: Bundle | None) -> bool:
        """Return whether every camera has a newer frame here than in the other bundle, or time began again."""
        if other is None or self.stamp_ns < other.stamp_ns - RESTART_NS:
            return True
        pairs = zip(self.frames, other.frames, strict=True)
        return all(frame.stamp_ns > before.stamp_ns for frame, before in pairs)


ROBOT_STATE = "robot_state"
_SAME_PERIOD = 0.2  # periods that differ by a smaller part are one rate


@dataclass(frozen=True)
class Decision:
    """What the inputs allow at one moment.

    `bundle` is None unless every status is OK. `statuses` has one entry per camera, then one for robot_state. `skew_s`
    is NaN when a camera has no frame.
    """

    bundle: Bundle | None
    statuses: tuple[InputStatus, ...]
    skew_s: float

    @property
    def ready(self) -> bool:
        """Return whether every input can be used."""
        return all(status.ok for status in self.statuses)

    @property
    def text(self) -> str:
        """One sentence that names what is wrong; empty when nothing is."""
        return "; ".join(status.text for status in self.statuses if status.text)


def synchronise(cameras: Sequence[CameraBuffer], state: StateBuffer, now_ns: int, budgets: Budgets) -> Decision:
    """Match the newest frames and check every input.

    Args:
        cameras: in the policy's order.
        state: the robot's newest state.
        now_ns: ROS time.
        budgets: how old and how far apart inputs may be.
    """
    statuses = [_camera_status(camera, now_ns, budgets) for camera in cameras]
    state_status = _state_status(state, now_ns, budgets)
    frames = _match(cameras, statuses, now_ns, budgets)
    stamps_ns = [frame.stamp_ns for frame in frames]
    skew_s = (max(stamps_ns) - min(stamps_ns)) / 1e9 if len(frames) == len(cameras) else math.nan
    if skew_s > budgets.max_skew_s:
        statuses = _mark_skewed(statuses, frames, cameras, budgets)
    ready = state_status.ok and all(status.ok for status in statuses)
    bundle = Bundle(tuple(frames), state.newest) if ready and state.newest else None
    return Decision(bundle, (*statuses, state_status), skew_s)


def _match(
    cameras: Sequence[CameraBuffer], statuses: Sequence[InputStatus], now_ns: int, budgets: Budgets
) -> list[CameraFrame]:
    """Return the frame of each camera nearest to the newest moment that every usable camera has seen."""
    newest = [camera.newest for camera in cameras]
    usable = [frame.stamp_ns for frame, status in zip(newest, statuses, strict=True) if frame and status.ok]
    seen_by_all_ns = min(usable, default=now_ns)
    oldest_ns = now_ns - int(budgets.camera_max_age_s * 1e9)
    return [camera.nearest(seen_by_all_ns, oldest_ns) for camera in cameras if camera.newest]


def _camera_status(camera: CameraBuffer, now_ns: int, budgets: Budgets) -> InputStatus:
    subject, newest = f"camera '{camera.role}'", camera.newest
    clock = camera.stamps.problem(now_ns)
    if newest is None and not camera.invalid and not clock:
        missing = f"{subject} is missing: no frame has arrived; check its driver, its topic and its QoS"
        return InputStatus(camera.role, InputState.MISSING, math.nan, missing)
    age_s = (now_ns - newest.stamp_ns) / 1e9 if newest else math.nan
    state, text = InputState.OK, ""
    if camera.invalid:
        state, text = InputState.INVALID, f"{subject} is invalid: {camera.invalid}"
    elif camera.mistaken_for:
        state, text = (
            InputState.WRONG,
            (
                f"{subject} is wrong: its images carry the frame_id of camera '{camera.mistaken_for}'; were the two "
                "swapped? Compare topics and drivers with `cameras` in the embodiment file"
            ),
        )
    elif clock:
        state, text = InputState.INVALID, f"{subject} is invalid: {clock}"
    elif age_s > budgets.camera_max_age_s:
        state, text = _overdue(subject, "frame", age_s, budgets.camera_max_age_s, camera.repeated)
    elif (
        camera.frozen_image.unchanged_s > budgets.camera_max_age_s and camera.frozen_image.moved_rad > budgets.moved_rad
    ):
        state, text = (
            InputState.FROZEN,
            (
                f"{subject} is frozen: its image has not changed for {camera.frozen_image.unchanged_s:.2f} s "
                f"while the arm moved by {camera.frozen_image.moved_rad:.2f} rad; restart its driver"
            ),
        )
    return InputStatus(camera.role, state, age_s, text)


def _state_status(buffer: StateBuffer, now_ns: int, budgets: Budgets) -> InputStatus:
    clock = buffer.stamps.problem(now_ns)
    if buffer.newest is None and not buffer.invalid and not clock:
        missing = f"{ROBOT_STATE} is missing: none has arrived; bridge_state says why"
        return InputStatus(ROBOT_STATE, InputState.MISSING, math.nan, missing)
    age_s = (now_ns - buffer.newest.stamp_ns) / 1e9 if buffer.newest else math.nan
    state, text = InputState.OK, ""
    if buffer.invalid:
        state, text = InputState.INVALID, f"{ROBOT_STATE} is invalid: {buffer.invalid}"
    elif clock:
        state, text = InputState.INVALID, f"{ROBOT_STATE} is invalid: {clock}"
    elif age_s > budgets.state_max_age_s:
        state, text = _overdue(ROBOT_STATE, "state", age_s, budgets.state_max_age_s, buffer.repeated)
    return InputStatus(ROBOT_STATE, state, age_s, text)


def _overdue(subject: str, what: str, age_s: float, budget_s: float, repeated: int) -> tuple[InputState, str]:
    """Distinguish an input that is silent from one that keeps sending the same stamp."""
    if repeated:
        text = f"{subject} is frozen: its stamp has not advanced for {age_s:.2f} s over {repeated} messages"
        return InputState.FROZEN, f"{text}; restart its driver"
    text = f"{subject} is stale: newest {what} is {age_s:.2f} s old, budget {budget_s:.2f} s"
    return InputState.STALE, f"{text}; check its driver"


def _mark_skewed(
    statuses: Sequence[InputStatus], frames: Sequence[CameraFrame], cameras: Sequence[CameraBuffer], budgets: Budgets
) -> list[InputStatus]:
    leader = max(range(len(frames)), key=lambda index: frames[index].stamp_ns)
    marked = []
    for status, frame, camera in zip(statuses, frames, cameras, strict=True):
        behind_s = (frames[leader].stamp_ns - frame.stamp_ns) / 1e9
        if status.ok and behind_s > budgets.max_skew_s:
            text = (
                f"camera '{status.name}' is skewed: its frame is {behind_s:.3f} s older than that of "
                f"'{statuses[leader].name}', budget {budgets.max_skew_s:.3f} s; {_remedy(camera, cameras[leader])}"
            )
            status = InputStatus(status.name, InputState.SKEWED, status.age_s, text)  # noqa: PLW2901
        marked.append(status)
    return marked


def _remedy(one: CameraBuffer, other: CameraBuffer) -> str:
    """Say what to do about a skew: at equal rates a frame was lost on its way."""
    if abs(one.period_s - other.period_s) > _SAME_PERIOD * max(one.period_s, other.period_s):
        return "run both at the same rate"
    if math.isnan(one.period_s) or math.isnan(other.period_s):
        return "run both at the same rate, and look whether frames get lost"
    return (
        f"both run at {1 / one.period_s:.0f} Hz, so frames get lost: load the Fast DDS profile for the cameras' "
        "drivers too, or look at the network or USB bus"
    )
