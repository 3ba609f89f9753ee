# SPDX-License-Identifier: Apache-2.0
"""A chunk of actions with its provenance: plain data, the part of msg/ActionChunk.msg that motion needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The longest horizon that an embodiment may have: common policies predict 8 to 100 rows. The interpolator solves dense
# systems of so many unknowns, which takes some 10 ms of its period with 128, and a second with 2000.
MOST_ROWS = 128


@dataclass(frozen=True)
class ActionChunk:
    """Targets [horizon, joints] in this package's units; row i belongs to `stamp_ns + i * step_s` (ROS time).

    `stamp_ns` is the time of the observation that the chunk was inferred from. `instruction_sequence` counts the
    instructions that were given: a chunk of another one belongs to another task. Content is not checked here.
    """

    stamp_ns: int
    sequence: int
    step_s: float
    names: tuple[str, ...]
    positions: NDArray[np.floating[Any]]
    instruction_sequence: int = 0
