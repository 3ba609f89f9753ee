# SPDX-License-Identifier: Apache-2.0
"""The short trajectory that travels from interpolator to safety to bridge: plain data, as in msg/JointCommand.msg."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .chunk_rejection import ChunkRejection

# Three command periods and the longest brake that safety may be set to allow, 2 s, in its shortest steps, 1 ms.
MOST_POINTS = 2500


@dataclass(frozen=True)
class JointCommand:
    """A trajectory that ends at rest.

    `positions` and `velocities` are [points, joints] float64 in this package's units, point i at
    `start_ns + i * step_s` (ROS time, nanoseconds). Points before `motion_points` follow the chunk, the others brake.
    `observation_ns` and `chunk_sequence` name the chunk behind the motion; both are 0 when it only holds or ramps.
    `chunk_velocities` [joints] is how fast the chunk itself moves at the start; empty when it only holds.
    `asked_for` tells that an operator asked for this motion or rest, which then needs no policy.
    `rejection` says which chunks were not followed, and why. A command without points proposes nothing: the newest
    chunk cannot be followed at all, for that reason.
    Content is not checked here: judging it is the work of safety.
    """

    start_ns: int
    sequence: int
    step_s: float
    names: tuple[str, ...]
    motion_points: int
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    observation_ns: int
    chunk_sequence: int
    asked_for: bool = False
    chunk_velocities: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    rejection: ChunkRejection = field(default_factory=ChunkRejection)
