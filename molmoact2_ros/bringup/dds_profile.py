# SPDX-License-Identifier: Apache-2.0
"""Which Fast DDS profile a process gets: shared memory for images, UDP alone for those that need none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from molmoact2_ros.embodiment import share_folder

PROFILE_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"
CONTROL_NODES = ("bridge", "safety", "interpolator", "task")


def shipped_profile(*, local: bool = False) -> Path:
    """Return the profile of everything that is started, where a lab has none of its own.

    Args:
        local: nothing leaves this machine; goes with ROS_AUTOMATIC_DISCOVERY_RANGE=SYSTEM_DEFAULT.
    """
    return share_folder() / "config" / ("fastdds_local_profile.xml" if local else "fastdds_profile.xml")


def is_shipped(profile: str | None) -> bool:
    """Return whether a value of PROFILE_VARIABLE is one of ours, or none."""
    return not profile or profile in (str(shipped_profile()), str(shipped_profile(local=True)))


def profile_environment(node: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a node's environment differs in; nothing where a lab has a profile of its own."""
    profile = environment.get(PROFILE_VARIABLE)
    if node not in CONTROL_NODES or not profile or not is_shipped(profile):
        return {}
    return {PROFILE_VARIABLE: profile.replace("_profile.xml", "_control_profile.xml")}
