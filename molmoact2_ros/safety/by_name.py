# SPDX-License-Identifier: Apache-2.0
"""Bring vectors into the embodiment's joint order: names decide, order alone means nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from molmoact2_ros.embodiment import JointCommand, RobotState

Names = tuple[str, ...]


def same_names(names: Sequence[str], wanted: Names) -> bool:
    """Tell whether both name the same joints, each once, in any order."""
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
