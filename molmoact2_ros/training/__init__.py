# SPDX-License-Identifier: Apache-2.0
"""From data to checkpoints. No ROS."""
