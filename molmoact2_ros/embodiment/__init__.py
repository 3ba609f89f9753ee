# SPDX-License-Identifier: Apache-2.0
"""What a robot is. Plain data; imports nothing else of this package."""

from .action_chunk import MOST_ROWS, ActionChunk
from .affine import Affine
from .camera import Camera
from .chunk_rejection import ChunkRejection, RejectionCause
from .driver import (
    DIFFERENCES,
    FORWARD_COMMANDS,
    GRIPPER_ACTIONS,
    GRIPPER_COMMAND,
    I2RT_GRIPPER,
    JOINT_TRAJECTORY,
    MESSAGE_PACKAGES,
    PARALLEL_GRIPPER,
    STREAMED_COMMANDS,
    STREAMED_TRAJECTORY,
    STREAMS,
    Driver,
    DriverGroup,
)
from .embodiment import Embodiment, shipped_embodiments
from .errors import EmbodimentError
from .fault import Fault
from .fault_source import DIAGNOSTICS, FRANKA_STATE, HARDWARE_COMPONENTS, FaultSource
from .geometry import Geometry, Hand
from .joint import Joint
from .joint_command import MOST_POINTS, JointCommand
from .policy_contract import PolicyContract
from .robot_state import RobotState
from .share import share_folder
from .strict_yaml import read_yaml
from .urdf_file import explain, read_urdf, resolve_meshes, set_compiler

__all__ = [
    "DIAGNOSTICS",
    "DIFFERENCES",
    "FORWARD_COMMANDS",
    "FRANKA_STATE",
    "GRIPPER_ACTIONS",
    "GRIPPER_COMMAND",
    "HARDWARE_COMPONENTS",
    "I2RT_GRIPPER",
    "JOINT_TRAJECTORY",
    "MESSAGE_PACKAGES",
    "MOST_POINTS",
    "MOST_ROWS",
    "PARALLEL_GRIPPER",
    "STREAMED_COMMANDS",
    "STREAMED_TRAJECTORY",
    "STREAMS",
    "ActionChunk",
    "Affine",
    "Camera",
    "ChunkRejection",
    "Driver",
    "DriverGroup",
    "Embodiment",
    "EmbodimentError",
    "Fault",
    "FaultSource",
    "Geometry",
    "Hand",
    "Joint",
    "JointCommand",
    "PolicyContract",
    "RejectionCause",
    "RobotState",
    "explain",
    "read_urdf",
    "read_yaml",
    "resolve_meshes",
    "set_compiler",
    "share_folder",
    "shipped_embodiments",
]
