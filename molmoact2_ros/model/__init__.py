# SPDX-License-Identifier: Apache-2.0
"""The MolmoAct2 network and its inference: torch only, no ROS, no files but checkpoints."""
