# SPDX-License-Identifier: Apache-2.0
"""Turn a checked command into points for a joint trajectory controller, in its names, order and units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import DriverGroup, JointCommand

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrajectoryPoints:
    """Points for a joint trajectory controller: `times_ns` [points] since the start, the others [points, joints]."""

    times_ns: NDArray[np.int64]
    positions: Vector
    velocities: Vector


class TrajectoryCommand:
    """Take the columns of one group out of a command, for a joint trajectory controller."""

    def __init__(self, group: DriverGroup, joint_names: tuple[str, ...], point_stride: int = 1) -> None:
        """Prepare.

        Args:
            group: joints and unit of the controller.
            joint_names: the order of a command's columns.
            point_stride: send every n-th point, and always the last, which is the one at rest.
        """
        self.names = list(group.joints.values())
        self._columns = [joint_names.index(joint) for joint in group.joints]
        self._unit = group.command_unit
        self._stride = point_stride

    def points(self, command: JointCommand) -> TrajectoryPoints:
        """Convert a command that the guard admitted."""
        last = len(command.positions) - 1
        rows = np.append(np.arange(0, last, self._stride), last)
        return TrajectoryPoints(
            times_ns=np.rint(rows * command.step_s * 1e9).astype(np.int64),
            positions=self._unit.outside(command.positions[rows][:, self._columns]),
            velocities=self._unit.rate_outside(command.velocities[rows][:, self._columns]),
        )
