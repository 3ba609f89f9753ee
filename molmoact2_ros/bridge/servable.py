# SPDX-License-Identifier: Apache-2.0
"""Which driver profiles the bridge can serve."""

from __future__ import annotations

from molmoact2_ros.embodiment import FORWARD_COMMANDS, MESSAGE_PACKAGES, Driver, Embodiment

from .errors import BridgeError


def require_servable(robot: Embodiment, driver: Driver) -> None:
    """Check that every group's interface can carry its joints.

    Raises:
        BridgeError: an arm joint behind an interface that is sent goals, or one of a single gripper for two joints.
    """
    grippers = {joint.name for joint in robot.joints if joint.is_gripper}
    for group in driver.groups:
        arm = [joint for joint in group.joints if joint not in grippers]
        if arm and group.interface in (FORWARD_COMMANDS, *MESSAGE_PACKAGES):
            raise BridgeError(
                f"driver '{driver.name}' moves {', '.join(arm)} by {group.interface}, which carries neither time "
                "nor brake: use joint_trajectory for arm joints, or streamed_commands for a forward controller"
            )
        if group.interface in MESSAGE_PACKAGES and len(group.joints) != 1:
            raise BridgeError(
                f"driver '{driver.name}' gives {', '.join(group.joints)} one {group.interface}: "
                "expected one group for each gripper"
            )
