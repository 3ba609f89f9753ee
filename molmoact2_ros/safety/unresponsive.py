# SPDX-License-Identifier: Apache-2.0
"""Whether the robot moves at all when it is commanded to.

A policy replans from the measured pose: when a controller swallows commands without a word, every chunk begins where
the robot stands, and commands stay so near that neither a jump nor a tracking error is found. What gives it away is
that chunk after chunk asks for motion, and none comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interfaces.safety_state import Cause, Verdict
from molmoact2_ros.timing import Instant

from .limits import Limits
from .settings import Settings

Vector = NDArray[np.float64]
SAMPLE_S = 0.1
LONGEST_GAP_S = 0.1  # between commands: what a chunk asks for is not counted over a longer one
MOVED = 1 / 8  # of what is asked for in vain: less is the noise of an encoder, or a joint that creeps


class Unresponsive:
    """An arm must move when chunks ask for `unresponsive_arm_rad` of a joint within `unresponsive_time_s`.

    What is asked for is the sum of the chunks' own velocities, there and back: a policy that trembles asks for nothing.
    An arm with a joint that moved by an eighth of that, be it late or elsewhere, is left to the tracking error: it may
    press against something. One whose numbers repeat is called frozen, though it may be unresponsive: see FrozenState.
    """

    def __init__(self, limits: Limits, settings: Settings, groups: Sequence[Sequence[str]] = ()) -> None:
        """Take the joints, what may be asked for in vain, and the joints of each driver; empty: all are one's."""
        self._limits, self._settings = limits, settings
        arm = ~limits.is_gripper
        self._arms = [np.isin(limits.names, group) & arm for group in groups or [limits.names]]
        self.forget()

    def forget(self) -> None:
        """Start again."""
        self._asked: Vector = np.zeros(len(self._limits.names))
        self._passed_at: Instant | None = None
        self._samples: deque[tuple[Instant, Vector, Vector]] = deque()  # when, asked so far, measured

    def passed(self, command: JointCommand, now: Instant) -> None:
        """Count what the chunk behind a command, in joint order, asks for."""
        if command.chunk_velocities.shape != self._asked.shape:  # it only holds
            self.forget()
            return
        if self._passed_at is not None:
            self._asked = self._asked + command.chunk_velocities * min(now.since_s(self._passed_at), LONGEST_GAP_S)
        self._passed_at = now

    def check(self, state: RobotState, now: Instant) -> Verdict | None:
        """Judge a measurement, in joint order."""
        if self._passed_at is None or (self._samples and now.since_s(self._samples[-1][0]) < SAMPLE_S):
            return None
        self._samples.append((now, self._asked, state.positions))
        window_s, limit = self._settings.unresponsive_time_s, self._settings.unresponsive_arm_rad
        if now.since_s(self._samples[0][0]) < window_s:
            return None
        asked = np.abs(self._asked - self._samples[0][1])
        measured = np.array([positions for _, _, positions in self._samples])
        moved, lately = np.ptp(measured, axis=0), np.ptp(measured[len(measured) // 2 :], axis=0)
        self._samples.popleft()
        still = [arm for arm in self._arms if arm.any() and moved[arm].max() < MOVED * limit]
        in_vain = np.where(np.any(still, axis=0), asked, 0.0) if still else np.zeros_like(asked)
        joint = int(np.argmax(in_vain))
        if in_vain[joint] <= limit:
            return None
        name, value = self._limits.names[joint], float(asked[joint])
        arm = next(arm for arm in self._arms if arm[joint])
        if not lately[arm].any():
            text = (
                f"{name} was asked to move by {value:.3f} rad within {window_s} s, and lately no digit of what is "
                "measured of its arm has changed: its driver repeats itself, or the robot does not move at all"
            )
            return Verdict(Cause.FROZEN_STATE, text, name, value=value, limit=limit)
        text = (
            f"{name} was asked to move by {value:.3f} rad within {window_s} s, chunk after chunk, and no joint of its "
            f"arm moved by more than {MOVED * limit:.3f} rad: is its controller active?"
        )
        return Verdict(Cause.TRACKING_ERROR, text, name, value=value, limit=limit)
