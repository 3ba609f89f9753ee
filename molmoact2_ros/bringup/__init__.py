# SPDX-License-Identifier: Apache-2.0
"""From a robot to its running nodes: their list, launch description, supervisor, middleware."""
