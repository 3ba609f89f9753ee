# SPDX-License-Identifier: Apache-2.0
"""The newest frames of one camera, and the signs that its driver repeats itself."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.camera_frame import CameraFrame
from molmoact2_ros.timing import NewestStamp, Step

from .errors import PerceptionError
from .image_decoding import require_layout

Vector = NDArray[np.float64]


class FrozenImageDetector:
    """Follow one camera's image, byte for byte, and how far the arm moved while it stayed the same.

    Sensor noise changes every image of a working camera, so one that stays identical while the arm moves is frozen,
    however new its stamps. While the arm stands still nothing is concluded: a simulated image may rightly not change.
    """

    def __init__(self) -> None:
        self.unchanged_s = 0.0
        self.moved_rad = 0.0
        self._first: CameraFrame | None = None
        self._arm_then_rad: Vector = np.zeros(0)

    def see(self, frame: CameraFrame, arm_rad: Vector) -> None:
        """Compare a newer frame with the image before it, the arm being at `arm_rad` now."""
        if self._first is None or frame.checksum != self._first.checksum:
            self._first, self._arm_then_rad = frame, arm_rad
            self.unchanged_s = self.moved_rad = 0.0
            return
        self.unchanged_s = (frame.stamp_ns - self._first.stamp_ns) / 1e9
        # The largest distance counts: an arm that went out and back must have shown in between.
        self.moved_rad = max(self.moved_rad, float(np.abs(arm_rad - self._arm_then_rad).max()))


# Three frames let a camera whose next frame has come already be matched with one whose next frame is on its way.
_DEPTH = 3
_STEPS = 16  # over so many frames the rate is measured


class CameraBuffer:
    """Take frames as they arrive; keep those that can be read and are newer than the last.

    `invalid` says why the newest arrival cannot be read, `mistaken_for` is the role of another camera whose image it
    is, `stamps` judges the clock, `repeated` counts arrivals whose stamp stood still, and `frozen_image` watches for
    content that does not change.
    """

    def __init__(self, role: str, others: Mapping[str, str] | None = None) -> None:
        """Wait for the first frame of a camera; `others` are the roles of the other cameras, by their frame_id."""
        self.role = role
        self._others = others or {}
        self.invalid = ""
        self.mistaken_for = ""
        self.repeated = 0
        self.frozen_image = FrozenImageDetector()
        self.stamps = NewestStamp()
        self._frames: deque[CameraFrame] = deque(maxlen=_DEPTH)
        self._recent_ns: deque[int] = deque(maxlen=_STEPS)

    @property
    def newest(self) -> CameraFrame | None:
        """The newest frame, None before the first."""
        return self._frames[-1] if self._frames else None

    @property
    def rate_hz(self) -> float:
        """Frames a second by their stamps, those that came; NaN before the second."""
        if len(self._recent_ns) < 2:
            return math.nan
        return (len(self._recent_ns) - 1) * 1e9 / (self._recent_ns[-1] - self._recent_ns[0])

    @property
    def period_s(self) -> float:
        """Seconds from frame to frame as the driver sends them, whether or not some are lost; NaN before the second."""
        return float(np.median(np.diff(self._recent_ns))) / 1e9 if len(self._recent_ns) > 1 else math.nan

    def add(self, frame: CameraFrame, now_ns: int | None = None) -> None:
        """Take a frame that has just arrived, at a ROS time."""
        try:
            require_layout(frame)
        except PerceptionError as error:
            self.invalid = str(error)
            return
        self.invalid = ""
        self.mistaken_for = self._others.get(frame.frame_id, "")
        step = self.stamps.take(frame.stamp_ns, now_ns)
        if step is Step.RESTART:
            self._frames.clear()
            self._recent_ns.clear()
            self.frozen_image = FrozenImageDetector()
        elif step is not Step.NEWER:
            self.repeated += step is not Step.STRANGE
            return
        self.repeated = 0
        self._frames.append(frame)
        self._recent_ns.append(frame.stamp_ns)

    def watch(self, arm_rad: NDArray[np.float64]) -> None:
        """Let `frozen_image` compare the newest frame with the ones before, the arm being at `arm_rad` now."""
        if self._frames:
            self.frozen_image.see(self._frames[-1], arm_rad)

    def nearest(self, stamp_ns: int, oldest_ns: int) -> CameraFrame:
        """Return the frame nearest to a time, among those stamped `oldest_ns` or later; the newest if there is none."""
        fresh = [frame for frame in self._frames if frame.stamp_ns >= oldest_ns] or [self._frames[-1]]
        return min(reversed(fresh), key=lambda frame: abs(frame.stamp_ns - stamp_ns))
