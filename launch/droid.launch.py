# SPDX-License-Identifier: Apache-2.0
"""A Franka arm with a Robotiq gripper, as the DROID platform has it: `ros2 launch molmoact2_ros droid.launch.py`."""

from launch import LaunchDescription

from molmoact2_ros.bringup.launch_description import robot_launch_description


def generate_launch_description() -> LaunchDescription:
    """Return the graph of the DROID robot."""
    return robot_launch_description("droid")
