# SPDX-License-Identifier: Apache-2.0
"""Which depth codes of earlier observations still stand.

A code is kept only if perception states that its cell looks as in the very observation that the code was decoded from
(`processing.depth_reuse`). Whatever is lost, repeated, overtaken or restarted on either side, a statement about another
observation, or about one of another instance of perception, fits no code, and the cell is decoded again. So are all
cells after another instruction or another size of image.

A code that is not kept still serves as a guess, which is verified: a bad guess costs time, never truth.

Axes: C cells of the grid in reading order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.policy.policy import PolicyObservation
from molmoact2_ros.processing.depth_reuse import CHANGED, reusable_cells

Codes = NDArray[np.uint16]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Held:
    """The newest map.

    codes: [C].
    decoded_at: [C] sequence of the observation that each code was decoded from; 0: unknown.
    conditions: what all of them depend on in addition to their cell.
    """

    codes: Codes
    decoded_at: NDArray[np.uint64]
    conditions: tuple[object, ...]


class DepthCache:
    """The newest depth map of one policy, and where each of its codes comes from."""

    def __init__(self, num_cells: int) -> None:
        self._num_cells = num_cells
        self._held: _Held | None = None

    @property
    def codes(self) -> Codes | None:
        """The newest map, [C]; None before the first."""
        return None if self._held is None else self._held.codes

    def standing(self, observation: PolicyObservation) -> Mask:
        """Return for each cell, [C], whether its code stands for an observation."""
        held, cells = self._held, observation.cells
        if held is None or cells is None or held.conditions != _conditions(observation):
            return np.zeros(self._num_cells, np.bool_)
        if cells.unchanged_since.size % self._num_cells:  # of another grid: perception follows another policy
            return np.zeros(self._num_cells, np.bool_)
        return reusable_cells(cells.unchanged_since.reshape(-1, self._num_cells), held.decoded_at)

    def store(self, observation: PolicyObservation, codes: Codes, decoded: Mask) -> None:
        """Remember the map of an observation.

        Args:
            observation: that it was written for.
            codes: [C].
            decoded: [C] true where the code was decoded from this observation; the others were `standing` for it.
        """
        sequence = np.uint64(observation.cells.sequence if observation.cells else CHANGED)
        before = np.zeros(self._num_cells, np.uint64) if self._held is None else self._held.decoded_at
        self._held = _Held(codes, np.where(decoded, sequence, before), _conditions(observation))

    def clear(self) -> None:
        """Forget everything."""
        self._held = None


def _conditions(observation: PolicyObservation) -> tuple[object, ...]:
    instance_id = observation.cells.instance_id if observation.cells else None
    return instance_id, observation.instruction, observation.images[0].shape
