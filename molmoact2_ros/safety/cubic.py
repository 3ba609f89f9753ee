# SPDX-License-Identifier: Apache-2.0
"""What a command means between its points: the cubic with the stated positions and velocities at both ends.

That is what a joint trajectory controller executes when positions and velocities are given. Its acceleration is linear
in each segment, so its extremes stand at the segment's ends, and its velocity is a parabola.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.timing import NS_PER_S

Array = NDArray[np.float64]

SAME_POINT = 1e-3  # of a step; stamps are whole nanoseconds, steps are not


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


def jerks(command: JointCommand, before: Array) -> Array:
    """Return the largest change of acceleration within any one step, per step [points - 1, joints].

    Inside a segment that is the cubic's jerk. At the border of two segments the acceleration steps, for which no finite
    jerk would do: what a robot can follow is the change over the time that the command resolves. Of all pairs of times
    at most a step apart, the ends of the two segments hold the extremes, because acceleration is linear between. A
    border counts for the segment after it; the first follows an acceleration `before` [joints], the last is followed by
    rest.
    """
    begin, end = accelerations(command)
    begin_before, end_before = (np.vstack([before, values[:-1]]) for values in (begin, end))
    pairs = ((begin, end), (end_before, begin), (begin_before, begin), (end_before, end))
    changes = np.max([np.abs(later - earlier) for earlier, later in pairs], axis=0)
    changes[-1] = np.maximum(changes[-1], np.abs(end[-1]))
    return changes / command.step_s


def acceleration_before(command: JointCommand, time_ns: int) -> Array:
    """Return the acceleration [joints] that reaches up to a ROS time, where segments meet that of the earlier one.

    At the start it is that of the first segment, after the end there is none.
    """
    begin, end = accelerations(command)
    place = (time_ns - command.start_ns) / NS_PER_S / command.step_s
    index = max(math.ceil(place - SAME_POINT) - 1, 0)
    if index >= len(begin):
        return np.zeros_like(begin[0])
    part = min(max(place - index, 0.0), 1.0)
    return begin[index] + part * (end[index] - begin[index])


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


def believed_speed(commanded: Array, measured: Array, recent: Array) -> Array:
    """Return the speed [joints] by which an allowance for lateness may grow.

    A robot that follows late still moves as fast as it was commanded a moment ago. What is measured is believed up to
    that: a driver that reports another unit must not widen what is allowed.

    Args:
        commanded: [joints] velocities of the command in question.
        measured: [joints] velocities that drivers report.
        recent: [joints] largest speeds of the commands of late.
    """
    return np.maximum(np.abs(commanded), np.minimum(np.abs(measured), recent))


def _evaluate_segment(command: JointCommand, index: int, part: float) -> tuple[Array, Array]:
    begin, end = command.positions[index], command.positions[index + 1]
    begin_slope = command.velocities[index] * command.step_s
    end_slope = command.velocities[index + 1] * command.step_s
    square = 3.0 * (end - begin) - 2.0 * begin_slope - end_slope
    cube = 2.0 * (begin - end) + begin_slope + end_slope
    position = begin + part * (begin_slope + part * (square + part * cube))
    velocity = (begin_slope + part * (2.0 * square + part * 3.0 * cube)) / command.step_s
    return position, velocity
