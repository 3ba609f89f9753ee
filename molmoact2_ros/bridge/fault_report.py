# SPDX-License-Identifier: Apache-2.0
"""What a driver says of one part of its robot."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.embodiment import Fault


@dataclass(frozen=True)
class FaultReport:
    """`text` is one sentence in the driver's words; empty without a fault."""

    fault: Fault = Fault.NONE
    text: str = ""
