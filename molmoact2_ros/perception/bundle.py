# SPDX-License-Identifier: Apache-2.0
"""Inputs that belong together."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.embodiment import RobotState
from molmoact2_ros.embodiment.stamps import RESTART_NS

from .frame import Frame


@dataclass(frozen=True, eq=False)
class Bundle:
    """One frame per camera, in the policy's order, and the newest state; all within their budgets."""

    frames: tuple[Frame, ...]
    state: RobotState

    @property
    def stamp_ns(self) -> int:
        """The newest camera stamp."""
        return max(frame.stamp_ns for frame in self.frames)

    def newer_than(self, other: Bundle | None) -> bool:
        """Tell whether every camera has a newer frame here than in the other bundle, or time began anew."""
        if other is None or self.stamp_ns < other.stamp_ns - RESTART_NS:
            return True
        pairs = zip(self.frames, other.frames, strict=True)
        return all(frame.stamp_ns > before.stamp_ns for frame, before in pairs)
