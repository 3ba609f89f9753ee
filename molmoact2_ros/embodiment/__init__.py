# SPDX-License-Identifier: Apache-2.0
"""What a robot is: joints, cameras, units, limits, drivers. Plain data; imports timing, schema and interfaces alone."""

from .affine import Affine
from .camera import Camera
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
from .embodiment import Embodiment, default_driver, shipped_embodiments, validate_driver
from .errors import EmbodimentError
from .fault_source import DIAGNOSTICS, FRANKA_STATE, HARDWARE_COMPONENTS, FaultSource
from .geometry import Geometry, Tcp
from .joint import Joint
from .policy_contract import PolicyContract
from .share import share_folder
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
    "PARALLEL_GRIPPER",
    "STREAMED_COMMANDS",
    "STREAMED_TRAJECTORY",
    "STREAMS",
    "Affine",
    "Camera",
    "Driver",
    "DriverGroup",
    "Embodiment",
    "EmbodimentError",
    "FaultSource",
    "Geometry",
    "Joint",
    "PolicyContract",
    "Tcp",
    "default_driver",
    "explain",
    "read_urdf",
    "resolve_meshes",
    "set_compiler",
    "share_folder",
    "shipped_embodiments",
    "validate_driver",
]
