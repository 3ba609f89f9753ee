# SPDX-License-Identifier: Apache-2.0
"""The demo's checkpoint: a tiny network fitted to one gentle motion, so that everything runs without a download."""

from .fit import BATCH, STEPS_PER_ROBOT, fit_demo
from .motion import DemoMotion

__all__ = ["BATCH", "STEPS_PER_ROBOT", "DemoMotion", "fit_demo"]
