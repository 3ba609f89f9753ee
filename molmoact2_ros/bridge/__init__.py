# SPDX-License-Identifier: Apache-2.0
"""Between this package's units and a robot's own drivers, and the last guard before them. numpy; no ROS."""

from .command_guard import AGAIN, CommandGuard
from .controller_commands import MISSED_MAX, GripperGoal, Setpoints, TrajectoryCommand, TrajectoryPoints
from .driver_state import DriverState
from .group_state import ReportSources
from .robot_faults import COMPONENTS_STATUS, DriverStatus, FaultReport, FrankaFault, RobotFaults, diagnostic_faults
from .safety_memory import SafetyMemory

__all__ = [
    "AGAIN",
    "COMPONENTS_STATUS",
    "MISSED_MAX",
    "CommandGuard",
    "DriverState",
    "DriverStatus",
    "FaultReport",
    "FrankaFault",
    "GripperGoal",
    "ReportSources",
    "RobotFaults",
    "SafetyMemory",
    "Setpoints",
    "TrajectoryCommand",
    "TrajectoryPoints",
    "diagnostic_faults",
]
