# SPDX-License-Identifier: Apache-2.0
"""Between this package's units and a robot's own drivers, and the last guard before them. numpy; no ROS."""

from .clock_back import ClockBack
from .command_guard import AGAIN, CommandGuard
from .diagnostic_faults import COMPONENTS_STATUS, DriverStatus, diagnostic_faults
from .driver_report import DriverReport
from .driver_state import DriverState
from .errors import BridgeError
from .fault_report import FaultReport
from .franka_fault import FrankaFault
from .gripper_goal import GripperGoal
from .hold import Cause, Hold
from .pace import Pace
from .report_sources import ReportSources
from .robot_faults import RobotFaults
from .safety_memory import SafetyMemory
from .servable import require_servable
from .set_points import MISSED_MAX, SetPoints
from .trajectory_command import TrajectoryCommand, TrajectoryPoints

__all__ = [
    "AGAIN",
    "COMPONENTS_STATUS",
    "MISSED_MAX",
    "BridgeError",
    "Cause",
    "ClockBack",
    "CommandGuard",
    "DriverReport",
    "DriverState",
    "DriverStatus",
    "FaultReport",
    "FrankaFault",
    "GripperGoal",
    "Hold",
    "Pace",
    "ReportSources",
    "RobotFaults",
    "SafetyMemory",
    "SetPoints",
    "TrajectoryCommand",
    "TrajectoryPoints",
    "diagnostic_faults",
    "require_servable",
]
