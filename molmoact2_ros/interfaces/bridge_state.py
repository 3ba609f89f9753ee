# SPDX-License-Identifier: Apache-2.0
"""Why the bridge forwards nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class HoldCause(Enum):
    """The causes of msg/BridgeState.msg, by the same names."""

    NONE = auto()
    SAFETY_SILENT = auto()
    SAFETY_NOT_ARMED = auto()
    COMMAND_INVALID = auto()
    COMMAND_OLD = auto()
    DRIVER_STATE = auto()
    SECOND_PUBLISHER = auto()
    OVERLOADED = auto()


@dataclass(frozen=True)
class Hold:
    """A cause and one sentence on it."""

    cause: HoldCause
    text: str
