# SPDX-License-Identifier: Apache-2.0
"""From cameras and the robot's state to observations, and the reason when there is none. numpy; no ROS."""

from .cell_comparison import MOST_GRID, CellImage, ChangeSettings
from .change_detector import CellChanges, ChangeDetector
from .depth_overlay import draw_depth
from .errors import PerceptionError
from .observation import Observation
from .observation_builder import ObservationBuilder
from .synchroniser import Budgets, Decision, synchronise

__all__ = [
    "MOST_GRID",
    "Budgets",
    "CellChanges",
    "CellImage",
    "ChangeDetector",
    "ChangeSettings",
    "Decision",
    "Observation",
    "ObservationBuilder",
    "PerceptionError",
    "draw_depth",
    "synchronise",
]
