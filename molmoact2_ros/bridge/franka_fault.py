# SPDX-License-Identifier: Apache-2.0
"""Read faults out of the state of a Franka robot."""

from __future__ import annotations

from collections.abc import Sequence

from molmoact2_ros.embodiment import Fault

from .fault_report import FaultReport

# franka_msgs/FrankaRobotState
IDLE, MOVE, GUIDING, REFLEX, USER_STOPPED, RECOVERY = 1, 2, 3, 4, 5, 6
_RECOVER = "run the robot's error recovery and activate its controllers; nothing here does that by itself"


class FrankaFault:
    """Judge one robot_state after the other.

    After a reflex or a user stop the mode returns to idle with every error flag false, although nothing moves before an
    error recovery (franka_ros2 issue 308). So such a fault lasts until the robot is in its mode "move" again.
    """

    def __init__(self) -> None:
        self._latched = FaultReport()

    def judge(self, mode: int, errors: Sequence[str]) -> FaultReport:
        """Return the fault.

        Args:
            mode: `robot_mode`.
            errors: names of the flags of `current_errors` that are set.
        """
        flags = f" ({', '.join(errors)})" if errors else ""
        if mode == USER_STOPPED:
            self._latched = FaultReport(Fault.USER_STOP, f"user stop{flags}: release it, then {_RECOVER}")
        elif mode == REFLEX:
            self._latched = FaultReport(Fault.REFLEX, f"reflex{flags}: {_RECOVER}")
        elif mode == MOVE:
            self._latched = FaultReport()
        if self._latched.fault:
            return self._latched
        if errors or mode == RECOVERY:
            return FaultReport(Fault.DRIVER, f"error{flags}: {_RECOVER}" if errors else "an error recovery runs")
        if mode == GUIDING:
            return FaultReport(Fault.DRIVER, "the robot is being guided by hand")
        if mode not in (IDLE, MOVE):  # 0 is "other"
            return FaultReport(Fault.DRIVER, f"robot mode {mode}, neither idle nor move: look whether it is unlocked")
        return FaultReport()
