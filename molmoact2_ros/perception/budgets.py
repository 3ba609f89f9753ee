# SPDX-License-Identifier: Apache-2.0
"""How old and how far apart the inputs of one observation may be."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.settings_field import param


@dataclass(frozen=True)
class Budgets:
    """Budgets of an observation: ages and skew of its inputs, and the motion that must change a camera's image."""

    camera_max_age_s: float = param(0.2, "Oldest camera frame in an observation", unit="s", low=0.01, high=2)
    state_max_age_s: float = param(0.1, "Oldest robot state in an observation", unit="s", low=0.01, high=1)
    max_skew_s: float = param(0.05, "Most that the frames of an observation may lie apart", unit="s", low=0.001, high=1)
    moved_rad: float = param(
        0.05,
        "Arm motion during which a camera's picture must change; noise of the encoders must stay below",
        unit="rad",
        low=0.001,
        high=1,
    )
