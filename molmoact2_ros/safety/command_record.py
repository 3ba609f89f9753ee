# SPDX-License-Identifier: Apache-2.0
"""What became of the commands since arming."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.safety_state import Verdict

REMEMBERED = 50  # commands: a second; measurements are never that old
RECENT_NS = 300_000_000  # a robot's controllers are late by less


@dataclass
class CommandRecord:
    """`previous` is the newest command that passed, in joint order: the robot executes it or has ended it."""

    previous: JointCommand | None = None
    passed_sequence: int = 0
    refused: int = 0
    refused_in_a_row: int = 0
    last_refusal: Verdict | None = None
    _recent: deque[JointCommand] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _speeds: deque[tuple[int, NDArray[np.float64]]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def note_passed(self, command: JointCommand) -> None:
        """Note a command, in joint order, that goes to the robot."""
        self.previous, self.passed_sequence, self.refused_in_a_row = command, command.sequence, 0
        self._recent.append(command)
        self._speeds.append((command.start_ns, np.abs(command.velocities[: max(command.motion_points, 1)]).max(axis=0)))

    def in_force(self, time_ns: int) -> JointCommand | None:
        """Return the newest command that had begun by a ROS time."""
        return next((command for command in reversed(self._recent) if command.start_ns <= time_ns), None)

    def recent_speed(self, time_ns: int) -> NDArray[np.float64]:
        """Return the largest speed [joints] of the motion of commands that began within RECENT_NS before a ROS time."""
        speeds = [speed for start_ns, speed in self._speeds if start_ns > time_ns - RECENT_NS]
        return np.max(speeds, axis=0) if speeds else np.zeros(1)

    def note_refused(self, verdict: Verdict) -> None:
        """Note why a command does not go to the robot."""
        self.refused += 1
        self.refused_in_a_row += 1
        self.last_refusal = verdict
