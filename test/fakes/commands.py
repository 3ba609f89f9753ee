# SPDX-License-Identifier: Apache-2.0
"""Commands as safety passes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.joint_command import JointCommand


def resting_command(robot: Embodiment, start_ns: int, sequence: int = 1, points: int = 6, **changes) -> JointCommand:
    """Move every joint by 0.02 from home over the first points and end at rest; `changes` replace fields."""
    shares = np.minimum(np.arange(points) / (points - 2), 1.0)[:, None]
    positions = robot.pose("home") - 0.02 * shares
    velocities = np.full_like(positions, -0.1)
    velocities[-1] = 0.0
    fields = {
        "start_ns": start_ns,
        "sequence": sequence,
        "step_s": 1.0 / robot.command_rate_hz,
        "names": robot.joint_names,
        "motion_points": 3,
        "positions": positions,
        "velocities": velocities,
        "observation_ns": start_ns,
        "chunk_sequence": 1,
    }
    return JointCommand(**{**fields, **changes})


def continued(command: JointCommand, start_ns: int) -> JointCommand:
    """Describe the same motion from another start: what a stream of commands does, however late each of them comes."""
    grid = np.arange(len(command.positions))
    places = grid + (start_ns - command.start_ns) * 1e-9 / command.step_s
    positions, velocities = (
        np.stack([np.interp(places, grid, column) for column in values.T], axis=1)
        for values in (command.positions, command.velocities)
    )
    velocities[-1] = 0.0
    return replace(command, start_ns=start_ns, positions=positions, velocities=velocities)
