# SPDX-License-Identifier: Apache-2.0
"""A chunk of actions with its provenance: plain data, the part of msg/ActionChunk.msg that motion needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ActionChunk:
    """Targets [horizon, joints] float64 in this package's units; row i belongs to `stamp_ns + i * step_s` (ROS time).

    `stamp_ns` is the time of the observation that the chunk was inferred from. `instruction_sequence` counts the
    instructions that were given: a chunk of another one belongs to another task.
    """

    stamp_ns: int
    sequence: int
    step_s: float
    names: tuple[str, ...]
    positions: NDArray[np.float64]
    instruction_sequence: int = 0
