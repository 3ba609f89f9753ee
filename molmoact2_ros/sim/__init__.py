# SPDX-License-Identifier: Apache-2.0
"""The robots in MuJoCo behind their drivers' manners. numpy and MuJoCo; no ROS, no torch."""

from .camera_pace import CameraPace
from .camera_thread import CameraThread
from .cameras import Cameras
from .depth_views import random_depth_views
from .errors import CommandRefused, SimulationError
from .faults import Misbehaviour
from .faulty_cameras import SpoiltFrames
from .faulty_joint_states import SpoiltStates
from .forward_controller import ForwardController
from .frame import Frame
from .group_state import GroupState
from .joint_trajectory import JointTrajectory
from .last_point_controller import LastPointController
from .reference_motion import DemoMotion
from .scene import Scene
from .scene_description import SceneDescription
from .simulation import Simulation
from .trajectory_controller import TrajectoryController

__all__ = [
    "CameraPace",
    "CameraThread",
    "Cameras",
    "CommandRefused",
    "DemoMotion",
    "ForwardController",
    "Frame",
    "GroupState",
    "JointTrajectory",
    "LastPointController",
    "Misbehaviour",
    "Scene",
    "SceneDescription",
    "Simulation",
    "SimulationError",
    "SpoiltFrames",
    "SpoiltStates",
    "TrajectoryController",
    "random_depth_views",
]
