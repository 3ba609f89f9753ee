# SPDX-License-Identifier: Apache-2.0
"""The right to move: checks on commands, watch over the neighbours, modes and latch. No torch, no ROS."""

from .causes import Cause, Mode
from .devices import Estop
from .errors import SafetyError
from .instant import Instant
from .limits import Limits
from .monitor import Monitor
from .reports import BridgeReport, PerceptionReport
from .settings import Settings
from .snapshot import Snapshot
from .space import Space
from .state_machine import Reply
from .verdict import Verdict

__all__ = [
    "BridgeReport",
    "Cause",
    "Estop",
    "Instant",
    "Limits",
    "Mode",
    "Monitor",
    "PerceptionReport",
    "Reply",
    "SafetyError",
    "Settings",
    "Snapshot",
    "Space",
    "Verdict",
]
