# SPDX-License-Identifier: Apache-2.0
"""What a command means between its points: the cubic with the stated positions and velocities at both ends.

That is what a joint trajectory controller executes when positions and velocities are given. Its acceleration is linear
in each segment, so its extremes stand at the segment's ends, and its velocity is a parabola.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import JointCommand

from .instant import NS_PER_S

Array = NDArray[np.float64]


def accelerations(command: JointCommand) -> tuple[Array, Array]:
    """Return the acceleration [points - 1, joints] at the begin and at the end of each segment."""
    mean = np.diff(command.positions, axis=0) / command.step_s
    begin_velocity, end_velocity = command.velocities[:-1], command.velocities[1:]
    begin = (6.0 * mean - 4.0 * begin_velocity - 2.0 * end_velocity) / command.step_s
    end = (2.0 * begin_velocity + 4.0 * end_velocity - 6.0 * mean) / command.step_s
    return begin, end


def peak_speeds(command: JointCommand) -> Array:
    """Return the largest speed [points - 1, joints] inside each segment, its ends included.

    It is never less than the mean speed between the two positions.
    """
    begin, end = accelerations(command)
    ends = np.maximum(np.abs(command.velocities[:-1]), np.abs(command.velocities[1:]))
    turns = begin * end < 0.0  # the parabola has its vertex inside
    slope = np.where(turns, end - begin, 1.0) / command.step_s
    vertex = command.velocities[:-1] - begin**2 / (2.0 * slope)
    return np.where(turns, np.maximum(ends, np.abs(vertex)), ends)


def evaluate(command: JointCommand, time_ns: int) -> tuple[Array, Array]:
    """Return position and velocity [joints] at a ROS time; before the start those of point 0, after the end at rest."""
    elapsed_s = (time_ns - command.start_ns) / NS_PER_S
    segments = len(command.positions) - 1
    if elapsed_s <= 0.0:
        return command.positions[0], command.velocities[0]
    if elapsed_s >= segments * command.step_s:
        return command.positions[-1], np.zeros_like(command.velocities[-1])
    index = min(int(elapsed_s / command.step_s), segments - 1)
    return _evaluate_segment(command, index, elapsed_s / command.step_s - index)


def _evaluate_segment(command: JointCommand, index: int, part: float) -> tuple[Array, Array]:
    begin, end = command.positions[index], command.positions[index + 1]
    begin_slope = command.velocities[index] * command.step_s
    end_slope = command.velocities[index + 1] * command.step_s
    square = 3.0 * (end - begin) - 2.0 * begin_slope - end_slope
    cube = 2.0 * (begin - end) + begin_slope + end_slope
    position = begin + part * (begin_slope + part * (square + part * cube))
    velocity = (begin_slope + part * (2.0 * square + part * 3.0 * cube)) / command.step_s
    return position, velocity
