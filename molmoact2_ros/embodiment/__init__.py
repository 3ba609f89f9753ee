# SPDX-License-Identifier: Apache-2.0
"""What a robot is. Plain data; imports nothing else of this package."""

from .action_chunk import ActionChunk
from .affine import Affine
from .camera import Camera
from .driver import FORWARD_COMMANDS, JOINT_TRAJECTORY, PARALLEL_GRIPPER, Driver, DriverGroup
from .embodiment import Embodiment, shipped_embodiments
from .errors import EmbodimentError
from .geometry import Geometry, Hand
from .joint import Joint
from .joint_command import JointCommand
from .policy_contract import PolicyContract
from .robot_state import RobotState
from .share import share_folder

__all__ = [
    "FORWARD_COMMANDS",
    "JOINT_TRAJECTORY",
    "PARALLEL_GRIPPER",
    "ActionChunk",
    "Affine",
    "Camera",
    "Driver",
    "DriverGroup",
    "Embodiment",
    "EmbodimentError",
    "Geometry",
    "Hand",
    "Joint",
    "JointCommand",
    "PolicyContract",
    "RobotState",
    "share_folder",
    "shipped_embodiments",
]
