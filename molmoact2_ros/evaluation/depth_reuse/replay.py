# SPDX-License-Identifier: Apache-2.0
"""Play a video to change detection and to a policy that decodes every frame; hold what is kept against the truth.

Axes: F frames, C cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.perception import CellImage, ChangeDetector, ChangeSettings
from molmoact2_ros.processing.depth_reuse import reusable_cells

MOST_LEVELS = 1.0  # a cell that is off by more than this has changed


@dataclass(frozen=True)
class ReuseFigures:
    """What became of the cells of a video, in parts of all cells after the first frame.

    Attributes:
        reused: kept their code.
        missed: kept it though the true mean depth had moved by more than one level since it was decoded.
        needless: decoded though it had not.
        worst_levels: largest error of a code that was kept.
    """

    reused: float
    missed: float
    needless: float
    worst_levels: float


def replay(images: Sequence[CellImage], levels: NDArray[np.float64], settings: ChangeSettings) -> ReuseFigures:
    """Run one video through the real change detection; the policy uses every frame and acknowledges at once.

    Args:
        images: F frames as the detector cuts them.
        levels: [F, C] true depth.
        settings: of the detector.
    """
    cells = np.arange(levels.shape[1])
    decoded_at = np.zeros(len(cells), np.uint64)
    detector = ChangeDetector(settings)
    detector.acknowledge(0, np.ones(len(cells), np.bool_))  # so it learns the size of the grid
    kept, off_levels = [], []
    for sequence, image in enumerate(images, start=1):
        reused = reusable_cells(detector.compare(sequence, image).unchanged_since, decoded_at)
        if sequence > 1:
            then = levels[decoded_at.astype(np.int64) - 1, cells]
            kept.append(reused)
            off_levels.append(np.abs(levels[sequence - 1] - then))
        decoded_at = np.where(reused, decoded_at, np.uint64(sequence))
        detector.acknowledge(sequence, ~reused)
    return _figures(np.array(kept), np.array(off_levels))


def _figures(kept: NDArray[np.bool_], off_levels: NDArray[np.float64]) -> ReuseFigures:
    """Sum up [F - 1, C] cells: whether each kept its code, and how far that code's depth is from the true one."""
    wrong = off_levels > MOST_LEVELS
    return ReuseFigures(
        reused=float(kept.mean()),
        missed=float((kept & wrong).mean()),
        needless=float((~kept & ~wrong).mean()),
        worst_levels=float(np.where(kept, off_levels, 0.0).max()),
    )


def mean_figures(figures: Sequence[ReuseFigures]) -> ReuseFigures:
    """Average over videos; the worst stays the worst."""
    return ReuseFigures(
        reused=float(np.mean([one.reused for one in figures])),
        missed=float(np.mean([one.missed for one in figures])),
        needless=float(np.mean([one.needless for one in figures])),
        worst_levels=max(one.worst_levels for one in figures),
    )
