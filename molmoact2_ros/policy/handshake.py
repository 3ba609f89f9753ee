# SPDX-License-Identifier: Apache-2.0
"""Compare a checkpoint with the robot that it is to move, before anything moves."""

from __future__ import annotations

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.policy.joint_order import misplaced
from molmoact2_ros.policy.joint_ranges import check_ranges
from molmoact2_ros.policy.policy import PolicyError
from molmoact2_ros.processing.norm_stats import TagStats
from molmoact2_ros.processing.normalizer import Normalizer
from molmoact2_ros.schema import brief, shortened


def check_handshake(robot: Embodiment, tag: TagStats) -> tuple[str, ...]:
    """Check that a checkpoint's norm tag describes this robot.

    Names alone are no proof, every data set has its own; what must agree is the number of joints, which of them are
    grippers, their order as far as the names say it, the cameras and their order, the prompt's texts, the chunk's
    length, and the units: see `joint_ranges`.

    Returns:
        Sentences on what can be used and makes little sense, such as a gripper that never opens.

    Raises:
        PolicyError: they disagree; one sentence that says in what, and what to change.
    """
    contract = robot.policy
    _equal(robot, tag, "setup", contract.setup, tag.setup)
    _equal(robot, tag, "control", contract.control, tag.control)
    _equal(robot, tag, "horizon", contract.horizon, tag.action_horizon)
    for what, stats in (("state", tag.state), ("action", tag.action)):
        _check_joints(robot, tag, what, stats)
    if set(tag.state.names) == set(tag.action.names) and tag.state.names != tag.action.names:
        raise PolicyError(
            f"norm tag {tag.norm_tag} has its state in the order {shortened(', '.join(tag.state.names))}, but its "
            f"action in {shortened(', '.join(tag.action.names))}: compute the statistics again, in one order"
        )
    _check_cameras(robot, tag)
    return check_ranges(robot, tag)


def _equal(robot: Embodiment, tag: TagStats, key: str, expected: object, found: object) -> None:
    if expected != found:
        raise PolicyError(
            f"embodiment {robot.name} has policy.{key} {expected!r}, but the checkpoint's norm tag {tag.norm_tag} has "
            f"{brief(found)}: use another checkpoint, or correct the embodiment file"
        )


def _check_joints(robot: Embodiment, tag: TagStats, what: str, stats: Normalizer) -> None:
    if len(stats.names) != len(robot.joints):
        raise PolicyError(
            f"norm tag {tag.norm_tag} has {len(stats.names)} {what} dimensions ({shortened(', '.join(stats.names))}), "
            f"but embodiment {robot.name} has {len(robot.joints)} joints ({', '.join(robot.joint_names)}): choose the "
            "norm tag of this robot in the embodiment file, or another checkpoint"
        )
    if wrong := misplaced(robot.joints, stats.names):
        joint, name = wrong
        raise PolicyError(
            f"{what} dimension {brief(name)} of norm tag {tag.norm_tag} stands where embodiment {robot.name} has its "
            f"{joint.kind} joint {joint.name!r}: use a checkpoint with the order of the robot "
            f"({', '.join(robot.joint_names)}), or reorder the joints of the embodiment file"
        )


def _check_cameras(robot: Embodiment, tag: TagStats) -> None:
    """The robot's cameras must be among the checkpoint's, in the same order; some checkpoints name none."""
    left = list(tag.camera_keys)
    for camera in robot.cameras:
        while left and camera.key not in left[0]:
            left.pop(0)
        if tag.camera_keys and not left:
            raise PolicyError(
                f"norm tag {tag.norm_tag} was trained with the cameras {shortened(', '.join(tag.camera_keys))}, in "
                f"which {', '.join(robot.camera_roles)} of embodiment {robot.name} are not found in this order: "
                "correct the cameras of the embodiment file"
            )
        left = left[1:]
