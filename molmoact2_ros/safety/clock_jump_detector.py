# SPDX-License-Identifier: Apache-2.0
"""Compares ROS time with the steady clock: every age and every start of a command is given in ROS time."""

from __future__ import annotations

from molmoact2_ros.interfaces.safety_state import Cause, Verdict
from molmoact2_ros.timing import NS_PER_S, Instant

RENEWED_S = 1.0  # a clock that is slewed gains or loses half a millisecond in this time


class ClockJumpDetector:
    """ROS time may stand still for a while, as simulated time does between its messages; longer pauses are silences."""

    def __init__(self, clock_jump_max_s: float) -> None:
        """Take how far ROS time may part from the steady clock within RENEWED_S."""
        self._jump_max_s = clock_jump_max_s
        self._reference: Instant | None = None
        self._latest: Instant | None = None

    def check(self, now: Instant) -> Verdict | None:
        """Say how ROS time has jumped; once for each jump."""
        reference, latest = self._reference, self._latest
        self._latest = now
        if reference is None or latest is None:
            self._reference = now
            return None
        if now.ros_ns == latest.ros_ns:
            return None  # judged by where it goes on
        jump_s = (now.ros_ns - reference.ros_ns) / NS_PER_S - now.since_s(reference)
        if abs(jump_s) > self._jump_max_s or now.since_s(reference) > RENEWED_S:
            self._reference = now
        if abs(jump_s) <= self._jump_max_s:
            return None
        where = "forward" if jump_s > 0 else "back"
        text = (
            f"ROS time jumped {where} by {abs(jump_s):.3f} s, at most {self._jump_max_s} s is allowed: let clocks be "
            "set before a robot is armed, and slewed afterwards"
        )
        return Verdict(Cause.CLOCK_JUMP, text, value=jump_s, limit=self._jump_max_s)
