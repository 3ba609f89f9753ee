# SPDX-License-Identifier: Apache-2.0
"""The robots in MuJoCo behind their drivers' manners. numpy and MuJoCo; no ROS, no torch."""

from .adaptive_rate import AdaptiveRate
from .camera_thread import CameraThread
from .cameras import Cameras
from .depth_views import random_depth_views
from .errors import CommandRefused, SimulationError
from .faults import InjectedFault
from .faulty_cameras import FaultyCameras
from .faulty_joint_states import FaultyJointStates
from .forward_controller import ForwardController
from .frame import RenderedFrame
from .group_state import SimulatedGroupState
from .joint_trajectory import JointTrajectory
from .last_point_controller import LastPointController
from .reference_motion import DemoMotion
from .scene import Scene
from .scene_description import SceneDescription
from .simulation import Simulation
from .trajectory_controller import TrajectoryController

__all__ = [
    "AdaptiveRate",
    "CameraThread",
    "Cameras",
    "CommandRefused",
    "DemoMotion",
    "FaultyCameras",
    "FaultyJointStates",
    "ForwardController",
    "InjectedFault",
    "JointTrajectory",
    "LastPointController",
    "RenderedFrame",
    "Scene",
    "SceneDescription",
    "SimulatedGroupState",
    "Simulation",
    "SimulationError",
    "TrajectoryController",
    "random_depth_views",
]
