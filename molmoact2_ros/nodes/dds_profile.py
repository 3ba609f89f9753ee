# SPDX-License-Identifier: Apache-2.0
"""Which Fast DDS profile a process gets: shared memory for images, UDP alone for those that stop the robot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from molmoact2_ros.embodiment import share_folder

PROFILE_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"
CONTROL_NODES = ("bridge", "safety", "interpolator")


def shipped_profile() -> Path:
    """Return the profile of everything that is started, where a lab has none of its own."""
    return share_folder() / "config" / "fastdds_profile.xml"


def control_profile() -> Path:
    """Return the profile of the nodes that share no memory with anybody."""
    return share_folder() / "config" / "fastdds_control_profile.xml"


def profile_environment(node: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a node's environment differs in; nothing where a lab has a profile of its own."""
    if node in CONTROL_NODES and environment.get(PROFILE_VARIABLE) == str(shipped_profile()):
        return {PROFILE_VARIABLE: str(control_profile())}
    return {}
