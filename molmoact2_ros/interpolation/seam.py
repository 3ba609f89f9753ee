# SPDX-License-Identifier: Apache-2.0
"""What every way from a given state onto a timeline has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np

from molmoact2_ros.timing import S_PER_NS

from .bounds import Bounds
from .motion import Motion, Times


class Timeline(Protocol):
    """Target positions of the newest rows: a curve through one chunk, or through several.

    `sequence`, `start_ns`, `end_ns` and `step_s` are the newest chunk's.
    """

    sequence: int
    start_ns: int
    end_ns: int
    step_s: float

    def at(self, times_ns: Times) -> Motion:
        """Evaluate at times up to `end_ns`; returns [times, joints]."""
        ...

    def rows_after(self, time_ns: int) -> Times:
        """Return the times of the newest chunk's rows behind `time_ns`."""
        ...


class Seam(ABC):
    """The motion that leaves `state` at `joined_ns` and is led to `timeline` until `faded_ns`.

    Position, velocity and acceleration are continuous, at the seam and after it.
    """

    def __init__(self, timeline: Timeline, start_ns: int, state: Motion, blend_s: float) -> None:
        """Note the state [joints] and how far it is off."""
        self.end_ns = timeline.end_ns
        self.joined_ns = start_ns
        self.faded_ns = start_ns + int(blend_s / S_PER_NS)
        self.offset = state - timeline.at(np.array([start_ns]))[0]

    @abstractmethod
    def at(self, times_ns: Times) -> Motion:
        """Evaluate at times from the seam to `end_ns`; returns [times, joints]."""

    def within(self, bounds: Bounds, step_ns: int) -> bool:
        """Return whether the motion stays below bounds while the offset fades."""
        times_ns = np.arange(self.joined_ns, min(self.faded_ns, self.end_ns) + 1, step_ns)
        return bool(bounds.hold_at(self.at(times_ns)).all())
