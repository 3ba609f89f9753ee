# SPDX-License-Identifier: Apache-2.0
"""Where a robot may not go: poses that exactly one check of safety objects to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.safety_state import Cause
from molmoact2_ros.safety import CollisionChecker, Limits

Vector = NDArray[np.float64]

TRIES = 300
REACH_RAD = 1.5  # how far a joint may have to go
STEP_RAD = 0.05  # between the poses of a path that are looked at
BEYOND = 1.3  # the pose lies this much farther than where the objection begins
INSIDE = 0.05  # share of its range that a joint keeps from each end
OUTSIDE_RAD = 0.15


def ends_of_range(limits: Limits, start: Vector) -> list[Vector]:
    """Return poses with one arm joint out of its range, the others as in `start` [joints]; the nearest first."""
    poses = []
    for joint in np.flatnonzero(~limits.is_gripper):
        for end in (limits.low[joint] - OUTSIDE_RAD, limits.high[joint] + OUTSIDE_RAD):
            poses.append(start.copy())
            poses[-1][joint] = end
    return sorted(poses, key=lambda pose: float(np.abs(pose - start).max()))


def nearest_free(collision_checker: CollisionChecker, start: Vector, poses: list[Vector]) -> Vector:
    """Return the first of some poses to which the robot's shapes have no objection, nor to the way from `start`.

    Raises:
        ValueError: there is none.
    """
    for pose in poses:
        if _is_free(collision_checker, start, pose):
            return pose
    raise ValueError(f"no joint leaves its range from {np.round(start, 2).tolist()} without breaking another rule")


def collisions(limits: Limits, collision_checker: CollisionChecker, start: Vector, seed: int = 0) -> list[Vector]:
    """Search poses in collision, each on a straight way from `start` [joints] that breaks no other rule before.

    It takes about a second; the nearest come first, so that an arm is soon there.
    """
    generator, found = np.random.default_rng(seed), []
    room = np.where(limits.is_gripper, -np.inf, INSIDE * (limits.high - limits.low))
    for _ in range(TRIES):
        way = np.where(limits.is_gripper, 0.0, generator.normal(size=start.size))
        way /= np.abs(way).max()
        length_rad = _first_touch(collision_checker, start, way, REACH_RAD)
        end = start + BEYOND * length_rad * way
        if length_rad < REACH_RAD and np.all((end > limits.low + room) & (end < limits.high - room)):
            found.append((length_rad, end))
    return [end for _, end in sorted(found, key=lambda entry: entry[0])]


def nearest_collision(collision_checker: CollisionChecker, start: Vector, poses: list[Vector]) -> Vector:
    """Return the first of some poses in collision that is reached from `start` [joints] as `collisions` promises.

    Raises:
        ValueError: none is.
    """
    for pose in poses:
        reach_rad = float(np.abs(pose - start).max())
        if _first_touch(collision_checker, start, (pose - start) / reach_rad, reach_rad) < reach_rad:
            return pose
    raise ValueError(
        f"none of {len(poses)} poses in collision is reached from {np.round(start, 2).tolist()} without breaking "
        "another rule before"
    )


def _is_free(collision_checker: CollisionChecker, start: Vector, end: Vector) -> bool:
    """Return whether the shapes of the robot object to no pose between two [joints]."""
    steps = int(np.ceil(np.abs(end - start).max() / STEP_RAD)) + 1
    still = np.zeros_like(start)
    return all(collision_checker.check(pose, still) is None for pose in np.linspace(start, end, steps))


def _first_touch(collision_checker: CollisionChecker, start: Vector, way: Vector, limit_rad: float) -> float:
    """Return how far one goes until links touch; REACH_RAD when something else is wrong before, or nothing is."""
    still = np.zeros_like(start)
    for length_rad in np.arange(STEP_RAD, limit_rad, STEP_RAD):
        verdict = collision_checker.check(start + length_rad * way, still)
        if verdict is not None:
            return float(length_rad) if verdict.cause is Cause.COLLISION else REACH_RAD
    return REACH_RAD
