# SPDX-License-Identifier: Apache-2.0
"""The nodes, one file each with its parts; each calls one of the ROS-free rooms. What all of them need is in `ros`."""
