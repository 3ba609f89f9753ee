# SPDX-License-Identifier: Apache-2.0
"""What safety tells the others: plain data, as in msg/SafetyState.msg."""

from __future__ import annotations

from dataclasses import dataclass

from .causes import Mode
from .devices import Estop
from .verdict import Verdict


@dataclass(frozen=True)
class Snapshot:
    """The mode with the latched stop, what became of the commands since arming, and the e-stops that are pressed."""

    mode: Mode
    text: str
    stop: Verdict | None
    passed_sequence: int
    refused: int
    refused_in_a_row: int
    last_refusal: Verdict | None
    pressed: Estop = Estop.NONE
