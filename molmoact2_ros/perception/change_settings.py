# SPDX-License-Identifier: Apache-2.0
"""How perception decides that a cell of the depth grid has changed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from molmoact2_ros.processing.depth_cells import REFERENCE_COSINE

from .errors import PerceptionError

COSINE, NOISE = "cosine", "noise"
PREVIOUS, PER_CELL = "previous", "per_cell"
MOST_GRID = 64  # cells along a side: each is kept and compared at 20 px or more, and released checkpoints have 10
# Where each statistic draws the line; doc/think.md has the evaluation.
THRESHOLDS = {COSINE: REFERENCE_COSINE, NOISE: 6.0}


@dataclass(frozen=True)
class ChangeSettings:
    """Parameters of the change detection.

    Attributes:
        statistic: cosine, as the reference implementation: changed when below the threshold; noise: largest difference
            in multiples of the sensor's noise: changed when above it.
        threshold: 0 for the statistic's own.
        reference: per_cell compares a cell with the picture that its code was decoded from; previous, as the reference
            implementation does, with the picture of the newest observation that the policy used.
        grid: cells along a side of the depth grid of a policy that is to come; 0: learnt from its acknowledgements, and
            nothing is compared while none come.
    """

    statistic: str = NOISE
    threshold: float = 0.0
    reference: str = PER_CELL
    grid: int = 0

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
