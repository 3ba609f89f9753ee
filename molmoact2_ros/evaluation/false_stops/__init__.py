# SPDX-License-Identifier: Apache-2.0
"""How often safety stops a robot with which nothing is wrong."""
