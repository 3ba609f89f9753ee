# SPDX-License-Identifier: Apache-2.0
"""Whether the cells of the depth grid differ between two images, beyond the sensor's noise."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.processing.depth_cells import CELL_PX, REFERENCE_COSINE, cell_pixels, cosines, row_products
from molmoact2_ros.processing.images import ByteImage
from molmoact2_ros.schema import param

from .errors import PerceptionError

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]

BLOCK_PX = 4  # averaged over as many pixels squared, noise falls and the edges of objects stay


@dataclass(frozen=True, eq=False)
class CellImage:
    """Cells of one frame, or each cell of its own.

    Attributes:
        pixels: uint8 [C, N] RGB.
        blocks: [C, B] means of 4 x 4 px, per channel.
        exposure: [C] brightness of the frame that a cell is from, relative to the other cells' frames.
    """

    pixels: NDArray[np.uint8]
    blocks: FloatArray
    exposure: FloatArray

    @classmethod
    def of(cls, image: ByteImage, grid: int) -> CellImage:
        """Cut an upright RGB image into grid x grid cells."""
        pixels = cell_pixels(image, grid)
        return cls(pixels, _block_means(pixels), np.ones(len(pixels), np.float32))

    @cached_property
    def values(self) -> FloatArray:
        """[C, N] the pixels as numbers."""
        return self.pixels.astype(np.float32)

    @cached_property
    def lengths(self) -> FloatArray:
        """[C] Euclidean length of each cell."""
        return np.sqrt(row_products(self.values, self.values))

    @cached_property
    def means(self) -> FloatArray:
        """[C] mean of each cell; at least 1, so that it may divide."""
        return np.maximum(self.blocks.mean(axis=1), np.float32(1))

    def gain_to(self, other: CellImage) -> float:
        """Return how much brighter another image, of one frame, is than this one's exposure 1.

        A median: most cells show what they showed before, and a camera's exposure changes all of them alike.
        """
        return float(np.median(other.means * self.exposure / self.means))

    def with_cells_of(self, other: CellImage, chosen: Mask) -> CellImage:
        """Return this image with some cells, [C] True, taken from another, of one frame."""
        pixels, blocks, exposure = self.pixels.copy(), self.blocks.copy(), self.exposure.copy()
        pixels[chosen], blocks[chosen] = other.pixels[chosen], other.blocks[chosen]
        exposure[chosen] = self.gain_to(other)
        return CellImage(pixels, blocks, exposure)


def _block_means(pixels: NDArray[np.uint8]) -> FloatArray:
    # Sums by slices: numpy's sum over short inner axes takes three times as long.
    rows = pixels.reshape(-1, BLOCK_PX, CELL_PX * 3)
    down = sum((rows[:, row] for row in range(1, BLOCK_PX)), start=rows[:, 0].astype(np.uint16))
    columns = down.reshape(-1, BLOCK_PX, 3)
    across = sum((columns[:, column] for column in range(1, BLOCK_PX)), start=columns[:, 0])
    return across.reshape(len(pixels), -1).astype(np.float32) / np.float32(BLOCK_PX**2)


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


def changed_cells(reference: CellImage, image: CellImage, settings: ChangeSettings, noise_levels: float) -> Mask:
    """Compare an image with a reference.

    Args:
        reference: what it is held against; its cells may come from several frames.
        image: cells of one frame.
        settings: statistic and threshold.
        noise_levels: the noise of a block mean's difference, grey levels; the cosine does not look at it.

    Returns:
        [C] True where the cell changed.
    """
    if settings.statistic == COSINE:
        return likeness(reference, image) < np.float32(settings.limit)
    return difference_levels(reference, image) > np.float32(settings.limit * noise_levels)


def likeness(reference: CellImage, image: CellImage) -> FloatArray:
    """Return the cosine of each cell [C], as the reference implementation computes it."""
    return cosines(reference.values, image.values, (reference.lengths, image.lengths))


def difference_levels(reference: CellImage, image: CellImage) -> FloatArray:
    """Return the largest difference of block means in each cell [C], in grey levels at the image's exposure."""
    gain = np.float32(reference.gain_to(image)) / reference.exposure  # [C]
    largest: FloatArray = np.abs(image.blocks - reference.blocks * gain[:, None]).max(axis=1)
    return largest


PAIRS = 15  # one second: a bump of the camera is one pair, and does not move the median
QUIET_SHARE = 0.25  # this part of the cells is taken to show nothing that moves
LEAST_LEVELS = 0.35  # two roundings to whole levels, averaged over a block of correlated pixels


class NoiseFloor:
    """Standard deviation, in grey levels, of the difference of two block means that show the same."""

    def __init__(self) -> None:
        self._pairs: deque[float] = deque(maxlen=PAIRS)
        self._last: CellImage | None = None

    @property
    def levels(self) -> float:
        """The estimate; the least possible before the second image."""
        return max(LEAST_LEVELS, float(np.median(self._pairs))) if self._pairs else LEAST_LEVELS

    def see(self, image: CellImage) -> None:
        """Take the next image, of one frame."""
        if self._last is not None:
            difference = image.blocks - self._last.blocks * np.float32(self._last.gain_to(image))
            deviations = np.sqrt(np.mean(np.square(difference), axis=1))
            self._pairs.append(float(np.quantile(deviations, QUIET_SHARE)))
        self._last = image
