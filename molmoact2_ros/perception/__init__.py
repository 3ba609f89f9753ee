# SPDX-License-Identifier: Apache-2.0
"""From cameras and the robot's state to observations, and the reason when there is none. numpy; no ROS."""

from .budgets import Budgets
from .cell_picture import CellPicture
from .change_detector import CellChanges, ChangeDetector
from .change_settings import MOST_GRID, ChangeSettings
from .depth_picture import draw_depth
from .errors import PerceptionError
from .frame import COMPRESSED, Frame
from .input_status import InputState, InputStatus
from .observation import Observation
from .observation_builder import ObservationBuilder
from .synchroniser import Decision, synchronise

__all__ = [
    "COMPRESSED",
    "MOST_GRID",
    "Budgets",
    "CellChanges",
    "CellPicture",
    "ChangeDetector",
    "ChangeSettings",
    "Decision",
    "Frame",
    "InputState",
    "InputStatus",
    "Observation",
    "ObservationBuilder",
    "PerceptionError",
    "draw_depth",
    "synchronise",
]
