# SPDX-License-Identifier: Apache-2.0
"""Two I2RT YAM arms with linear grippers: `ros2 launch molmoact2_ros yam.launch.py`."""

from launch import LaunchDescription

from molmoact2_ros.bringup.launch_description import robot_launch_description


def generate_launch_description() -> LaunchDescription:
    """Return the graph of the bimanual YAM."""
    return robot_launch_description("yam")
