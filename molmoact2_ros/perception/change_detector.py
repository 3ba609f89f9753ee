# SPDX-License-Identifier: Apache-2.0
"""Find which cells of the depth grid still look as they did when their codes were decoded.

Two images are compared at a time: the newest, and one of an observation that the policy may have decoded. Each result
is stated as a fact, "this cell looks as in observation N", so that none can be wrong about a code that was decoded
from N, whatever was lost on the way; the policy asks the cells one by one (`processing.depth_reuse`).

Row 0 follows the acknowledged codes. The other rows are observations not acknowledged yet: a policy that was busy
takes, when it is done, an observation that was made before its acknowledgement arrived here.

Axes: R references, C cells in reading order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.processing.depth_reuse import CHANGED
from molmoact2_ros.processing.images import ByteImage

from .cell_comparison import MOST_GRID, PREVIOUS, CellImage, ChangeSettings, NoiseFloor, changed_cells

Mask = NDArray[np.bool_]
Sequences = NDArray[np.uint64]

MOST_UNACKNOWLEDGED = 7  # half a second at 15 Hz; each costs 0.1 ms per image
# A policy that was busy has taken, when its acknowledgement arrives, the newest observation of the moment it was done.
MOST_TAKEN = 2
IDLE = 45  # observations without an acknowledgement, three seconds at 15 Hz, until a policy counts as not at work
PATIENCE = 150  # observations without an acknowledgement, ten seconds at 15 Hz, until masks seem not to be wanted


@dataclass(frozen=True, eq=False)
class _Acknowledged:
    """What the policy holds, as far as acknowledged: per cell its image and where its code was decoded."""

    sequence: int
    image: CellImage
    decoded_at: Sequences


@dataclass(frozen=True, eq=False)
class CellChanges:
    """What is known of the cells of one observation.

    Attributes:
        unchanged_since: [R, C] row 0 for the acknowledged codes: sequence of the observation since which a cell has not
            changed; 0: it changed.
    """

    unchanged_since: Sequences


class ChangeDetector:
    """Compare each observation's image with those that the policy may hold codes of.

    It works for a policy that reasons in depth alone: where the grid is not known beforehand, it is learnt from the
    first acknowledgement with cells.
    """

    def __init__(self, settings: ChangeSettings | None = None) -> None:
        self.settings = settings or ChangeSettings()
        self._grid, self._silent, self._at_work = self.settings.grid, 0, False
        self._noise = NoiseFloor()
        self._acknowledged: _Acknowledged | None = None
        self._unacknowledged: list[_Acknowledged] = []

    def see(self, sequence: int, image: ByteImage) -> CellChanges | None:
        """Compare the image of an observation.

        Args:
            sequence: of the observation; larger than any before.
            image: uint8 [H, W, 3], RGB, upright, as the camera gave it.

        Returns:
            None while no policy is known that reasons in depth.
        """
        self._silent += 1
        if self._silent > IDLE:
            self._at_work = False
        if self._silent > PATIENCE and not self.settings.grid:
            self._forget(grid=0)
        return self.compare(sequence, CellImage.of(image, self._grid)) if self._grid else None

    def compare(self, sequence: int, image: CellImage) -> CellChanges:
        """Compare the image of an observation that is cut into cells already."""
        self._noise.see(image)
        acknowledged = self._acknowledged or _Acknowledged(0, image, np.zeros(len(image.pixels), np.uint64))
        rows = [self._row(held, image) for held in (acknowledged, *self._unacknowledged)]
        if len(self._unacknowledged) == MOST_UNACKNOWLEDGED:
            # A policy that is at work took one of the first, and takes the newest when it is done: the middle goes. One
            # that has done nothing yet takes the newest.
            del self._unacknowledged[MOST_UNACKNOWLEDGED // 2 if self._at_work else 0]
        self._unacknowledged.append(_whole(sequence, image))
        return CellChanges(np.stack(rows))

    def acknowledge(self, sequence: int, decoded: Mask) -> None:
        """Take what the policy made of an observation of this instance.

        Args:
            sequence: of the observation.
            decoded: [C] cells whose codes it decoded from this observation; the others kept theirs. Empty: none, and
                it keeps no codes. More than MOST_GRID squared are not taken.
        """
        grid = math.isqrt(decoded.size)
        if not 1 <= grid <= MOST_GRID or grid * grid != decoded.size:
            return
        self._silent = 0
        if grid != self._grid:
            self._forget(grid)
        self._at_work = True
        found = [held for held in self._unacknowledged if held.sequence == sequence]
        newer = [held for held in self._unacknowledged if held.sequence > sequence]
        self._unacknowledged = newer[-MOST_TAKEN:]
        if found:
            self._acknowledged = self._merged(found[0], decoded)

    def _row(self, held: _Acknowledged, image: CellImage) -> Sequences:
        changed = changed_cells(held.image, image, self.settings, self._noise.levels)
        return np.where(changed, np.uint64(CHANGED), held.decoded_at)

    def _merged(self, newer: _Acknowledged, decoded: Mask) -> _Acknowledged:
        older = self._acknowledged
        if older is None:
            # What the policy kept is from before anything known here: it holds no fact, and is decoded next time.
            return _Acknowledged(newer.sequence, newer.image, np.where(decoded, newer.decoded_at, np.uint64(CHANGED)))
        whole = self.settings.reference == PREVIOUS
        image = newer.image if whole else older.image.with_cells_of(newer.image, decoded)
        return _Acknowledged(newer.sequence, image, np.where(decoded, newer.decoded_at, older.decoded_at))

    def _forget(self, grid: int) -> None:
        self._grid, self._silent, self._at_work = grid, 0, False
        self._acknowledged, self._unacknowledged = None, []
        self._noise = NoiseFloor()


def _whole(sequence: int, image: CellImage) -> _Acknowledged:
    """Return an observation as if every cell were decoded from it."""
    return _Acknowledged(sequence, image, np.full(len(image.pixels), sequence, np.uint64))
