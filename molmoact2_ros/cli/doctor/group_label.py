# SPDX-License-Identifier: Apache-2.0
"""What the joints of a driver group are called in the doctor's lines."""

from __future__ import annotations

from molmoact2_ros.embodiment import DriverGroup


def group_label(group: DriverGroup) -> str:
    """Return the joint's name, or the first and the last one."""
    joints = list(group.joints)
    return joints[0] if len(joints) == 1 else f"{joints[0]}..{joints[-1]}"
