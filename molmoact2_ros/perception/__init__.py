# SPDX-License-Identifier: Apache-2.0
"""From cameras and the robot's state to observations, and the reason when there is none. numpy; no ROS."""

from .budgets import Budgets
from .errors import PerceptionError
from .frame import COMPRESSED, Frame
from .input_status import InputState, InputStatus
from .observation import Observation
from .observation_builder import ObservationBuilder
from .synchroniser import Decision, synchronise

__all__ = [
    "COMPRESSED",
    "Budgets",
    "Decision",
    "Frame",
    "InputState",
    "InputStatus",
    "Observation",
    "ObservationBuilder",
    "PerceptionError",
    "synchronise",
]
