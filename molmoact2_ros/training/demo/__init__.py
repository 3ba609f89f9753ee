# SPDX-License-Identifier: Apache-2.0
"""The demo's checkpoint: a tiny network fitted to one gentle motion, so that everything runs without a download."""

from .depth_scenes import DepthScenes
from .fit import BATCH, STEPS_PER_ROBOT, fit_demo
from .fit_think import THINK_STEPS, fit_think

__all__ = [
    "BATCH",
    "STEPS_PER_ROBOT",
    "THINK_STEPS",
    "DepthScenes",
    "fit_demo",
    "fit_think",
]
