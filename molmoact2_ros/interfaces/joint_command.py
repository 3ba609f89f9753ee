# SPDX-License-Identifier: Apache-2.0
"""The short trajectory that travels from interpolator to safety to bridge: plain data, as in msg/JointCommand.msg."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .action_chunk import ChunkRejection
from .robot_state import RobotState

# Three command periods and the longest brake that safety may be set to allow, 2 s, in its shortest steps, 1 ms.
MOST_POINTS = 2500


@dataclass(frozen=True)
class JointCommand:
    """A trajectory that ends at rest.

    `positions` and `velocities` are [points, joints] float64 in this package's units, point i at
    `start_ns + i * step_s` (ROS time, nanoseconds). Points before `motion_points` follow the chunk, the others brake.
    `observation_ns` and `chunk_sequence` name the chunk behind the motion; both are 0 when it only holds or ramps.
    `chunk_velocities` [joints] is how fast the chunk itself moves at the start; empty when it only holds.
    `operator_requested`: an operator asked for this motion or rest, which then needs no policy.
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
    operator_requested: bool = False
    chunk_velocities: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    rejection: ChunkRejection = field(default_factory=ChunkRejection)


Vector = NDArray[np.float64]


def sample(command: JointCommand, time_ns: int) -> tuple[Vector, Vector]:
    """Return positions and velocities [joints] at a ROS time; before the start those of point 0, after the end at rest.

    Straight lines between points suffice: at 10 rad/s2 and 20 ms the cubic is off them by 0.5 mrad.
    """
    place = (time_ns - command.start_ns) * 1e-9 / command.step_s
    last = len(command.positions) - 1
    left = int(np.clip(place, 0, last - 1))
    part = float(np.clip(place - left, 0.0, 1.0))
    positions, velocities = (
        (1.0 - part) * values[left] + part * values[left + 1] for values in (command.positions, command.velocities)
    )
    return positions, velocities


Names = tuple[str, ...]


def same_names(names: Sequence[str], wanted: Names) -> bool:
    """Return whether both name the same joints, each once, in any order."""
    return len(names) == len(wanted) and sorted(names) == sorted(wanted)


def command_in_order(command: JointCommand, wanted: Names) -> JointCommand:
    """Return the command with its columns in the wanted order; the names must be the same."""
    if command.names == wanted:
        return command
    columns = [command.names.index(name) for name in wanted]
    return replace(
        command,
        names=wanted,
        positions=command.positions[:, columns],
        velocities=command.velocities[:, columns],
        chunk_velocities=command.chunk_velocities[columns]
        if command.chunk_velocities.size
        else command.chunk_velocities,
    )


def state_in_order(state: RobotState, wanted: Names) -> RobotState:
    """Return the state in the wanted order; the names must be the same."""
    if state.names == wanted:
        return state
    columns = [state.names.index(name) for name in wanted]
    return replace(state, names=wanted, positions=state.positions[columns], velocities=state.velocities[columns])
