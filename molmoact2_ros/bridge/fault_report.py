# SPDX-License-Identifier: Apache-2.0
"""What a driver says of one part of its robot."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.embodiment import Fault

EVERY_PART = "*"  # in place of a part's name: the report is about every part of its source


@dataclass(frozen=True)
class FaultReport:
    """`text` is one sentence in the driver's words; empty without a fault.

    `only_if_unknown` is true of a part that the message does not mention: what other messages say of it counts more.
    """

    fault: Fault = Fault.NONE
    text: str = ""
    only_if_unknown: bool = False
