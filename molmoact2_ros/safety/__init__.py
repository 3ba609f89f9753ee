# SPDX-License-Identifier: Apache-2.0
"""The right to move: checks on commands, watch over the neighbours, modes and latch. No torch, no ROS."""

from .collision_checker import CollisionChecker
from .errors import SafetyError
from .limits import Limits
from .monitor import Monitor
from .reports import BridgeReport, PerceptionReport
from .settings import Settings
from .state_machine import Reply

__all__ = [
    "BridgeReport",
    "CollisionChecker",
    "Limits",
    "Monitor",
    "PerceptionReport",
    "Reply",
    "SafetyError",
    "Settings",
]
