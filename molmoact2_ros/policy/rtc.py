# SPDX-License-Identifier: Apache-2.0
"""What a policy in `rtc` mode remembers from one call to the next."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable

import torch
from torch import Tensor
from torch.nn.functional import pad

from molmoact2_ros.model.rtc import LARGEST_GUIDANCE, RtcGuidance, prefix_weights
from molmoact2_ros.policy.delay_meter import DelayMeter
from molmoact2_ros.timing import S_PER_NS


class RealTimeChunking:
    """The last chunk, normalised, and the delay with which chunks come: what makes the guidance of the next one.

    Axes: T steps of the action chunk, D action numbers of the robot, A those of the network.
    """

    def __init__(
        self,
        step_s: float,
        *,
        decay: str = "smooth",
        largest: float = LARGEST_GUIDANCE,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """Remember nothing yet.

        Args:
            step_s: time between two rows.
            decay: how the weights fall behind the rows that pass during the call; see `prefix_weights`.
            largest: bound of the guidance weight.
            clock: the time that stamps are in, nanoseconds.

        Raises:
            ValueError: if step_s is not positive or the decay is unknown.
        """
        prefix_weights(1, 0, 0, decay)
        self.delay = DelayMeter(step_s)
        self._step_s, self._decay, self._largest, self._clock = step_s, decay, largest, clock
        self._chunk: Tensor | None = None  # [1, T, D]
        self._stamp_ns = 0
        self._task: Hashable = None

    def guidance(self, stamp_ns: int, task: Hashable, width: int) -> RtcGuidance | None:
        """Return what the chunk of an observation has to continue.

        Args:
            stamp_ns: of the observation.
            task: what it belongs to; a chunk of another task is not continued.
            width: action numbers of the network, A.

        Returns:
            None where there is nothing: no chunk yet, or none that is older and still has a row.
        """
        if self._chunk is None or task != self._task:
            return None
        horizon = self._chunk.shape[1]
        shift = (stamp_ns - self._stamp_ns) * S_PER_NS / self._step_s  # rows between the two observations
        if not 0.0 < shift <= horizon - 1:
            return None
        end = math.floor(horizon - 1 - shift + 1e-6) + 1
        weights = prefix_weights(horizon, min(self.delay.steps(), end), end, self._decay, self._chunk.device)
        return RtcGuidance(pad(_moved(self._chunk, shift), (0, width - self._chunk.shape[2])), weights, self._largest)

    def keep(self, chunk: Tensor, stamp_ns: int, task: Hashable) -> None:
        """Remember the chunk [1, T, D] of an observation, and that it took until now."""
        self.delay.add((self._clock() - stamp_ns) * S_PER_NS)
        self._chunk, self._stamp_ns, self._task = chunk, stamp_ns, task


def _moved(chunk: Tensor, shift: float) -> Tensor:
    """Return rows i + shift of a chunk [1, T, D], between two rows their mean by distance, behind the last the last."""
    whole = math.floor(shift + 1e-6)
    part = max(0.0, shift - whole)
    rows = torch.arange(chunk.shape[1], device=chunk.device) + whole
    left, right = (chunk[:, (rows + ahead).clamp(max=chunk.shape[1] - 1)] for ahead in (0, 1))
    return left + part * (right - left)
