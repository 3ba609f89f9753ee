# SPDX-License-Identifier: Apache-2.0
"""A chunk of actions with its provenance, and why one is not followed: plain data, as in msg/."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
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
    instructions that were given: a chunk of another one belongs to another task. `policy` is drawn by each
    policy process: two of them may publish at once. Content is not checked here.
    """

    stamp_ns: int
    sequence: int
    step_s: float
    names: tuple[str, ...]
    positions: NDArray[np.floating[Any]]
    instruction_sequence: int = 0
    policy: int = 0


class RejectionCause(IntEnum):
    """The causes of msg/SafetyState.msg that a chunk by itself can have, under its numbers."""

    NONE = 0
    WRONG_JOINTS = 10
    WRONG_SHAPE = 11
    NOT_FINITE = 12
    STALE_OBSERVATION = 32
    SECOND_PUBLISHER = 50


@dataclass(frozen=True)
class ChunkRejection:
    """The newest of `count` chunks that came since one was followed last, and that were not: one sentence says why.

    `cause` is one of RejectionCause when it comes from our own interpolator; from a message it may be any number.
    """

    count: int = 0
    cause: int = RejectionCause.NONE
    text: str = ""
