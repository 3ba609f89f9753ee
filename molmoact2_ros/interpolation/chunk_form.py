# SPDX-License-Identifier: Apache-2.0
"""Whether a chunk is one of this robot's policy: its sizes, before anything is computed from them, and its numbers."""

from __future__ import annotations

import numpy as np

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.action_chunk import ActionChunk, RejectionCause
from molmoact2_ros.schema import listed

# Two rows reach one step ahead, the shortest time between two chunks: they are over before the next chunk comes.
LEAST_ROWS = 3
# Below the factor between common rates, 15 and 30 Hz. `speed_scale` slows execution, not the chunks.
STEP_FACTOR = 1.5

Defect = tuple[RejectionCause, str]


class ChunkForm:
    """The chunks that a robot's policy contract allows: up to its horizon of rows, about its step apart."""

    def __init__(self, embodiment: Embodiment) -> None:
        """Take joints, horizon and step."""
        self._names = embodiment.joint_names
        self._step_s = embodiment.policy.step_s
        self._most_rows = embodiment.policy.horizon
        self._least_rows = min(LEAST_ROWS, self._most_rows)

    @property
    def reach_s(self) -> float:
        """Return how far the last row of a whole chunk lies behind its observation, seconds."""
        return (self._most_rows - 1) * self._step_s

    def is_whole(self, chunk: ActionChunk) -> bool:
        """Return whether a chunk has all the rows that it may have."""
        return len(chunk.positions) == self._most_rows

    def defect(self, chunk: ActionChunk) -> Defect | None:
        """Return why a chunk cannot be laid on the timeline, or None."""
        if len(chunk.names) != len(self._names) or sorted(chunk.names) != sorted(self._names):
            text = f"chunk {chunk.sequence} has the joints {listed(chunk.names)}, expected {listed(self._names)}"
            return RejectionCause.WRONG_JOINTS, text
        if wrong := self._wrong_size(chunk) or self._wrong_step(chunk):
            return RejectionCause.WRONG_SHAPE, f"chunk {chunk.sequence} has a wrong shape: {wrong}"
        broken = np.argwhere(~np.isfinite(chunk.positions))
        if not len(broken):
            return None
        row, joint = map(int, broken[0])
        value = f"{chunk.positions[row, joint]} for {chunk.names[joint]} in row {row}"
        return RejectionCause.NOT_FINITE, f"chunk {chunk.sequence} has {value}, expected finite numbers"

    def _wrong_size(self, chunk: ActionChunk) -> str:
        joints, shape = len(self._names), chunk.positions.shape
        expected = f"expected {self._least_rows} to {self._most_rows} rows x {joints} joints"
        if len(shape) != 2 or shape[1] != joints:
            return f"{expected}, got {' x '.join(map(str, shape))} numbers"
        if not self._least_rows <= shape[0] <= self._most_rows:
            return f"{expected}, got {shape[0]} rows; the embodiment's policy.horizon is {self._most_rows}"
        return ""

    def _wrong_step(self, chunk: ActionChunk) -> str:
        if self._step_s / STEP_FACTOR <= chunk.step_s <= self._step_s * STEP_FACTOR:
            return ""
        return (
            f"expected rows about {self._step_s:.4g} s apart (1 / policy.rate_hz of the embodiment), "
            f"got {chunk.step_s:.4g} s"
        )
