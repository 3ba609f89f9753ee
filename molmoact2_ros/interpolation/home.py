# SPDX-License-Identifier: Apache-2.0
"""A bounded move to one pose, all joints arriving together, and the rest there."""

from __future__ import annotations

import numpy as np
from ruckig import Ruckig, Trajectory

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.timing import S_PER_NS

from .bounds import Bounds
from .motion import Motion, Times, Vector
from .ramp import ruckig_input

ARRIVED_RAD = 0.03  # what a controller may lack at rest
STILL_RAD_S = 0.02


def rests_at_home(robot: Embodiment, state: RobotState) -> bool:
    """Return whether the arm is measured to rest in its home pose; a gripper may hold something."""
    if state.names != robot.joint_names:
        return False
    arm = ~robot.is_gripper
    away = np.abs(state.positions - robot.pose("home"))[arm].max()
    return bool(away < ARRIVED_RAD and np.abs(state.velocities)[arm].max() < STILL_RAD_S)


class Home:
    """From `state` at `start_ns` to rest at `pose`; afterwards it stays there."""

    def __init__(self, pose: Vector, start_ns: int, state: Motion, bounds: Bounds) -> None:
        """Plan.

        Args:
            pose: [joints], where to.
            start_ns: ROS time at which the motion begins.
            state: [joints] what the robot does then.
            bounds: velocity, acceleration and jerk of the way; a state beyond them is brought below first.

        Raises:
            RuckigError: no such way; only numbers far beyond any robot do that.
        """
        self.start_ns = start_ns
        self._pose = pose
        self._trajectory = Trajectory(len(pose))
        given = ruckig_input(state, bounds)
        given.target_position = pose
        given.target_velocity = given.target_acceleration = np.zeros_like(pose)
        Ruckig(len(pose)).calculate(given, self._trajectory)
        self.end_ns = start_ns + int(self._trajectory.duration / S_PER_NS)

    @property
    def duration_s(self) -> float:
        """How long the way takes."""
        return float(self._trajectory.duration)

    def at(self, times_ns: Times) -> Motion:
        """Evaluate at times from the start; returns [times, joints]."""
        on_the_way = times_ns < self.end_ns
        resting = Motion.resting(np.tile(self._pose, (int((~on_the_way).sum()), 1)))
        if not on_the_way.any():
            return resting
        elapsed_s = (times_ns[on_the_way] - self.start_ns) * S_PER_NS
        points = np.array([self._trajectory.at_time(moment_s) for moment_s in elapsed_s])
        moving = Motion(*points.transpose(1, 0, 2))  # [times, 3, joints] -> 3 x [times, joints]
        return Motion.joined([moving, resting])
