# SPDX-License-Identifier: Apache-2.0
"""The ROS side: one file per node, each calls one of the ROS-free rooms."""
