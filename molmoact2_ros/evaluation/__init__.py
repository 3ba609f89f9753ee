# SPDX-License-Identifier: Apache-2.0
"""Measurements of parts of the line and of the model. No ROS."""
