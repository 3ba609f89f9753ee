# SPDX-License-Identifier: Apache-2.0
"""Faults that a robot reports of itself, under the numbers of msg/RobotState.msg."""

from __future__ import annotations

from enum import IntEnum


class RobotFault(IntEnum):
    """What kind of fault it is; the driver's words say more."""

    NONE = 0
    DRIVER = 1
    USER_STOP = 2
    REFLEX = 3
