# SPDX-License-Identifier: Apache-2.0
"""How perception decides that a cell of the depth grid has changed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from molmoact2_ros.processing.depth_cells import REFERENCE_COSINE
from molmoact2_ros.settings_field import param

from .errors import PerceptionError

COSINE, NOISE = "cosine", "noise"
PREVIOUS, PER_CELL = "previous", "per_cell"
MOST_GRID = 64  # cells along a side: each is kept and compared at 20 px or more, and released checkpoints have 10
# Where each statistic draws the line; doc/think.md has the evaluation.
THRESHOLDS = {COSINE: REFERENCE_COSINE, NOISE: 6.0}


@dataclass(frozen=True)
class ChangeSettings:
    """Parameters of the change detection. doc/think.md has the evaluation."""

    statistic: str = param(
        NOISE,
        "With a policy that reasons in depth, how cells are compared: noise (difference in multiples of the sensor's "
        "noise) or cosine (as the reference implementation)",
        name="change_statistic",
        note="noise takes the largest difference within a cell",
    )
    threshold: float = param(
        0.0,
        "A cell changes above this many deviations of the noise, or below this cosine; 0: the statistic's own",
        low=0,
        high=1000,
        name="change_threshold",
        note=f"those are {THRESHOLDS[NOISE]:g} deviations and a cosine of {THRESHOLDS[COSINE]:g}",
    )
    reference: str = param(
        PER_CELL,
        "What a cell is compared with: per_cell (the frame that its code was decoded from) or previous (the newest "
        "frame that the policy used)",
        name="change_reference",
        note="previous is the reference implementation's",
    )
    grid: int = param(
        0,
        "Cells along a side of the depth grid of a policy that reasons in depth, 10 of released checkpoints; 0: learnt "
        "from its first depth maps, which then are decoded in full",
        low=0,
        high=MOST_GRID,
        name="depth_grid",
    )

    def __post_init__(self) -> None:
        """Check the values; raise PerceptionError in one sentence."""
        if self.statistic not in THRESHOLDS:
            raise PerceptionError(f"change_statistic: expected {COSINE} or {NOISE}, got {self.statistic!r}")
        if self.reference not in (PREVIOUS, PER_CELL):
            raise PerceptionError(f"change_reference: expected {PREVIOUS} or {PER_CELL}, got {self.reference!r}")
        highest = 1.0 if self.statistic == COSINE else math.inf
        if not 0 <= self.threshold <= highest:
            raise PerceptionError(
                f"change_threshold: expected 0 (the statistic's own) to {highest:g} with {self.statistic}, "
                f"got {self.threshold}"
            )

    @property
    def limit(self) -> float:
        """The threshold in force."""
        return self.threshold or THRESHOLDS[self.statistic]
