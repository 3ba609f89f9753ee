# SPDX-License-Identifier: Apache-2.0
"""The right to move: checks on commands, watch over the neighbours, modes and latch. No torch, no ROS."""

from .errors import SafetyError
from .limits import Limits
from .monitor import Monitor
from .reports import BridgeReport, PerceptionReport
from .settings import Settings
from .space import Space
from .state_machine import Reply

__all__ = [
    "BridgeReport",
    "Limits",
    "Monitor",
    "PerceptionReport",
    "Reply",
    "SafetyError",
    "Settings",
    "Space",
]
