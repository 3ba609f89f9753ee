# SPDX-License-Identifier: Apache-2.0
"""What became of the commands since arming."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.embodiment import JointCommand

from .verdict import Verdict


@dataclass
class CommandRecord:
    """`previous` is the newest command that passed, in joint order: the robot executes it or has ended it."""

    previous: JointCommand | None = None
    passed_sequence: int = 0
    refused: int = 0
    refused_in_a_row: int = 0
    last_refusal: Verdict | None = None

    def note_passed(self, command: JointCommand) -> None:
        """Note a command, in joint order, that goes to the robot."""
        self.previous, self.passed_sequence, self.refused_in_a_row = command, command.sequence, 0

    def note_refused(self, verdict: Verdict) -> None:
        """Note why a command does not go to the robot."""
        self.refused += 1
        self.refused_in_a_row += 1
        self.last_refusal = verdict
