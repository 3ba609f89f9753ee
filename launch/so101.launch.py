# SPDX-License-Identifier: Apache-2.0
"""An SO-101 or SO-100 arm: `ros2 launch molmoact2_ros so101.launch.py`."""

from launch import LaunchDescription

from molmoact2_ros.bringup.launch_description import robot_launch_description


def generate_launch_description() -> LaunchDescription:
    """Return the graph of the SO-101."""
    return robot_launch_description("so101")
