# SPDX-License-Identifier: Apache-2.0
"""A process that reads one topic with default QoS until SIGINT, as `ros2 topic hz` does.

Run: python -m molmoact2_ros.fault_injection.soak.reader robot_state
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys

import rclpy
from rclpy.executors import ExternalShutdownException

from molmoact2_ros.msg import Observation, RobotState, SafetyState

KINDS = {"robot_state": RobotState, "observation": Observation, "safety_state": SafetyState}
DEPTH = 10
LONGEST_S = 60  # whatever becomes of its parent
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(topic: str) -> int:
    """Read; return the exit status."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.alarm(LONGEST_S)
    rclpy.init()
    node = rclpy.create_node("soak_reader")
    node.create_subscription(KINDS[topic], topic, lambda _message: None, DEPTH)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
