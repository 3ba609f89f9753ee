# SPDX-License-Identifier: Apache-2.0
"""Policies: an observation in, a chunk of actions out, both in the units the model was trained in. No ROS."""
