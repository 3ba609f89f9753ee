# SPDX-License-Identifier: Apache-2.0
"""Images as they arrive from faulty cameras."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from molmoact2_ros.timing import NS_PER_S

from .faults import (
    CAMERA_BLACK,
    CAMERA_DEAD,
    CAMERA_DELAYED,
    CAMERA_FROZEN_CONTENT,
    CAMERA_FROZEN_STAMP,
    CAMERAS_SWAPPED,
    InjectedFault,
)
from .frame import RenderedFrame


class FaultyCameras:
    """Forward frames as one fault would: on which camera's topic, and when."""

    def __init__(self, fault: InjectedFault, roles: Sequence[str]) -> None:
        """Take the fault and the robot's cameras."""
        self._wrong = fault
        self._swapped = dict(zip(roles[:2], reversed(roles[:2]), strict=True))
        self._frozen: RenderedFrame | None = None
        self._waiting: deque[tuple[int, str, RenderedFrame]] = deque()  # when it is due, on whose topic

    def take(self, frame: RenderedFrame, steady_ns: int) -> None:
        """Take a frame that has just been rendered, at a time of the steady clock."""
        wrong = self._wrong
        if wrong.kind == CAMERAS_SWAPPED:
            self._waiting.append((steady_ns, self._swapped.get(frame.role, frame.role), frame))
            return
        if frame.role == wrong.role and wrong.kind == CAMERA_DEAD:
            return
        if frame.role == wrong.role and wrong.kind in (CAMERA_FROZEN_STAMP, CAMERA_FROZEN_CONTENT):
            self._frozen = self._frozen or frame
            stamp_ns = self._frozen.stamp_ns if wrong.kind == CAMERA_FROZEN_STAMP else frame.stamp_ns
            frame = replace(frame, pixels=self._frozen.pixels, stamp_ns=stamp_ns)
        if frame.role == wrong.role and wrong.kind == CAMERA_BLACK:
            frame = replace(frame, pixels=np.zeros_like(frame.pixels))
        delayed = frame.role == wrong.role and wrong.kind == CAMERA_DELAYED
        due_ns = steady_ns + round(wrong.seconds * NS_PER_S) if delayed else steady_ns
        self._waiting.append((due_ns, frame.role, frame))

    def due(self, steady_ns: int) -> list[tuple[str, RenderedFrame]]:
        """Return what arrives by now, each with the role on whose topic it does."""
        arrived = [(role, frame) for due_ns, role, frame in self._waiting if due_ns <= steady_ns]
        self._waiting = deque(entry for entry in self._waiting if entry[0] > steady_ns)
        return arrived
