# SPDX-License-Identifier: Apache-2.0
"""How old and how far apart the inputs of one observation may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budgets:
    """Time budgets of an observation, seconds; `moved_rad` is the motion that must change a camera's picture."""

    camera_max_age_s: float = 0.2
    state_max_age_s: float = 0.1
    max_skew_s: float = 0.05
    moved_rad: float = 0.05
