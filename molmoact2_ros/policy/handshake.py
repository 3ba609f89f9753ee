# SPDX-License-Identifier: Apache-2.0
"""Hold a checkpoint against the robot it shall move, before anything moves."""

from __future__ import annotations

import numpy as np

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.policy.policy import PolicyError
from molmoact2_ros.processing.norm_stats import TagStats
from molmoact2_ros.processing.normalizer import Normalizer

GRIPPER = "gripper"

# A start pose may lie a little outside the quantiles of training. Radians taken for degrees lie far outside: the
# SO-101 lift, trained on 44 to 185 degrees, would come as about 2.
HOME_SLACK = 0.25


def check_handshake(robot: Embodiment, tag: TagStats) -> None:
    """Check that a checkpoint's norm tag describes this robot.

    Names alone are no proof, every data set has its own; what must agree is the number of joints, which of them are
    grippers, the cameras and their order, the prompt's texts, the chunk's length, and the unit (the home pose must not
    lie far outside the range of training).

    Raises:
        PolicyError: they disagree; one sentence that says in what, and what to change.
    """
    contract = robot.policy
    _equal(robot, tag, "setup", contract.setup, tag.setup)
    _equal(robot, tag, "control", contract.control, tag.control)
    _equal(robot, tag, "horizon", contract.horizon, tag.action_horizon)
    for what, stats in (("state", tag.state), ("action", tag.action)):
        _check_joints(robot, tag, what, stats)
    _check_cameras(robot, tag)
    _check_units(robot, tag)


def _equal(robot: Embodiment, tag: TagStats, key: str, expected: object, found: object) -> None:
    if expected != found:
        raise PolicyError(
            f"embodiment {robot.name} has policy.{key} {expected!r}, but the checkpoint's norm tag {tag.norm_tag} has "
            f"{found!r}: use another checkpoint, or correct the embodiment file"
        )


def _check_joints(robot: Embodiment, tag: TagStats, what: str, stats: Normalizer) -> None:
    if len(stats.names) != len(robot.joints):
        raise PolicyError(
            f"norm tag {tag.norm_tag} has {len(stats.names)} {what} dimensions ({', '.join(stats.names)}), but "
            f"embodiment {robot.name} has {len(robot.joints)} joints ({', '.join(robot.joint_names)}): choose the norm "
            "tag of this robot in the embodiment file, or another checkpoint"
        )
    if not any(GRIPPER in name.lower() for name in stats.names):
        return  # a file without telling names: the unit check below must do
    for joint, name in zip(robot.joints, stats.names, strict=True):
        if joint.is_gripper != (GRIPPER in name.lower()):
            raise PolicyError(
                f"{what} dimension {name!r} of norm tag {tag.norm_tag} stands where embodiment {robot.name} has its "
                f"{joint.kind} joint {joint.name!r}: reorder the joints of the embodiment file"
            )


def _check_cameras(robot: Embodiment, tag: TagStats) -> None:
    """The robot's cameras must be among the checkpoint's, in the same order; some checkpoints name none."""
    left = list(tag.camera_keys)
    for camera in robot.cameras:
        while left and camera.key not in left[0]:
            left.pop(0)
        if tag.camera_keys and not left:
            raise PolicyError(
                f"norm tag {tag.norm_tag} was trained with the cameras {', '.join(tag.camera_keys)}, in which "
                f"{', '.join(robot.camera_roles)} of embodiment {robot.name} are not found in this order: correct the "
                "cameras of the embodiment file"
            )
        left = left[1:]


def _check_units(robot: Embodiment, tag: TagStats) -> None:
    home = robot.to_policy(robot.pose("home"))
    low, high = np.asarray(tag.state.low), np.asarray(tag.state.high)
    slack = HOME_SLACK * (high - low)
    for joint, value, bottom, top in zip(robot.joints, home, low - slack, high + slack, strict=True):
        if not bottom <= value <= top:
            raise PolicyError(
                f"the home pose of embodiment {robot.name} has {joint.name} = {value:.3f} in policy units, far from "
                f"the training range of norm tag {tag.norm_tag}: correct the joint's unit (policy: scale, offset) or "
                "the pose"
            )
