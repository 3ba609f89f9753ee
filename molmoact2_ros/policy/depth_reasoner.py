# SPDX-License-Identifier: Apache-2.0
"""Depth reasoning of one policy: when, from which draft, and what it came to."""

from __future__ import annotations

import time

import numpy as np
from torch import Tensor

from molmoact2_ros.model.depth import DepthDraft, read_depth
from molmoact2_ros.model.molmoact2 import MolmoAct2, Prefill
from molmoact2_ros.policy.depth_cache import DepthCache
from molmoact2_ros.policy.depth_schedule import DepthSchedule
from molmoact2_ros.policy.policy import DepthResult, PolicyError, PolicyObservation

NO_DEPTH = (
    "depth reasoning was asked for, but the checkpoint has no depth tokens: set enable_depth to false, or use a "
    "MolmoAct2-Think checkpoint"
)


class DepthReasoner:
    """Writes depth maps for a policy; what it remembers from one to the next is in its cache."""

    def __init__(self, model: MolmoAct2, every: int = 1) -> None:
        """Start without a map.

        Args:
            model: the network.
            every: see `DepthSchedule`.

        Raises:
            PolicyError: if the checkpoint has no depth tokens, or `every` is negative.
        """
        if model.config.depth is None:
            raise PolicyError(NO_DEPTH)
        self._model, self._grid = model, model.config.depth
        self.schedule = DepthSchedule(every)
        self.cache = DepthCache(self._grid.num_cells)

    def read(
        self, ids: Tensor, visual: Tensor, observation: PolicyObservation, room: int = 0
    ) -> tuple[Prefill, DepthResult]:
        """Read a prompt and write the map after it.

        Args:
            ids: [1, S] prompt that asks for depth.
            visual: [R, D] image vectors.
            observation: that both were made from.
            room: token slots of the cache beyond the map.

        Raises:
            DecodingError: if the map does not end; what was remembered stays.
        """
        start = time.perf_counter()
        keep, codes = self.cache.standing(observation), self.cache.codes
        draft = None if codes is None else DepthDraft(codes.tolist(), keep.tolist())
        reading = read_depth(self._model, ids, visual, draft, room=room)
        found = np.array(reading.codes, np.uint16)
        self.cache.store(observation, found, ~keep)
        shape = (self._grid.side, self._grid.side)
        decoding_ms = 1e3 * (time.perf_counter() - start)
        return reading.prefill, DepthResult(found.reshape(shape), ~keep.reshape(shape), reading.forwards, decoding_ms)

    def restart(self) -> None:
        """Forget all maps and what was counted."""
        self.cache.clear()
        self.schedule.restart()
