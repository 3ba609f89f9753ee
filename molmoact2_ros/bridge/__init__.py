# SPDX-License-Identifier: Apache-2.0
"""Between this package's units and a robot's own drivers, and the last guard before them. numpy; no ROS."""

from .command_guard import CommandGuard
from .driver_report import DriverReport
from .driver_state import DriverState
from .errors import BridgeError
from .gripper_goal import GripperGoal
from .hold import Cause, Hold
from .pace import Pace
from .safety_memory import SafetyMemory
from .servable import require_servable
from .set_points import SetPoints
from .trajectory_command import TrajectoryCommand, TrajectoryPoints

__all__ = [
    "BridgeError",
    "Cause",
    "CommandGuard",
    "DriverReport",
    "DriverState",
    "GripperGoal",
    "Hold",
    "Pace",
    "SafetyMemory",
    "SetPoints",
    "TrajectoryCommand",
    "TrajectoryPoints",
    "require_servable",
]
