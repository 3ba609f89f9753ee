# SPDX-License-Identifier: Apache-2.0
"""The robot in MuJoCo behind its drivers' controllers, stepped along a clock that the caller keeps."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import Driver, Embodiment
from molmoact2_ros.timing import NS_PER_S

from .group_state import SimulatedGroupState
from .joint_trajectory import JointTrajectory
from .scene import Scene
from .simulated_group import SimulatedGroup

Vector = NDArray[np.float64]
CATCH_UP_LIMIT_S = 1.0  # costs about 40 ms; a process that slept longer lets the rest go


class Simulation:
    """Physics and controllers. Not thread-safe: call from one thread."""

    def __init__(self, embodiment: Embodiment, scene: Scene, driver: Driver, pose: str, time_ns: int) -> None:
        """Put the robot into a pose, at rest, and hold it there.

        Args:
            embodiment: the robot.
            scene: its world.
            driver: the profile whose controllers to emulate.
            pose: a pose of the embodiment file.
            time_ns: the present.

        Raises:
            EmbodimentError: no such pose.
        """
        self._model, self._data = scene.model, mujoco.MjData(scene.model)
        start = embodiment.pose(pose)
        self.groups = tuple(SimulatedGroup(group, embodiment, scene, start) for group in driver.groups)
        for group in self.groups:
            group.place(group.controller.sample(time_ns)[0], self._data)
        self._close_linkages()
        mujoco.mj_forward(self._model, self._data)
        self._step_ns = round(self._model.opt.timestep * NS_PER_S)
        self.time_ns = time_ns
        self.lost_s = 0.0
        self.ignores_commands = False  # controllers that swallow commands without a word

    def advance_to(self, time_ns: int, stepped: Callable[[], None] = lambda: None) -> None:
        """Step up to a time; what is missing beyond CATCH_UP_LIMIT_S is let go and counted in `lost_s`.

        Then nothing jumps: robot and running trajectories go on where they were. `stepped` is called after each step.
        """
        excess_ns = time_ns - self.time_ns - round(CATCH_UP_LIMIT_S * NS_PER_S)
        if excess_ns > 0:
            self.lost_s += excess_ns / NS_PER_S
            self.jump(excess_ns)
        while self.time_ns + self._step_ns <= time_ns:
            self.time_ns += self._step_ns
            for group in self.groups:
                group.drive(self.time_ns, self._data)
            mujoco.mj_step(self._model, self._data)
            stepped()

    def jump(self, ns: int) -> None:
        """Set the time, forward or back, without a motion: running trajectories go on where they were."""
        self.time_ns += ns
        for group in self.groups:
            group.controller.delay(ns)

    def command(self, group: int, command: JointTrajectory | Vector) -> None:
        """Hand a command to a group's controller now.

        Args:
            group: index into `groups`.
            command: JointTrajectory for a trajectory controller, otherwise [joints] positions; the driver's units.

        Raises:
            CommandRefused: the controller ignores it; what it did before goes on.
        """
        if not self.ignores_commands:
            self.groups[group].command(command, self.time_ns, self._data)

    def state(self, group: int) -> SimulatedGroupState:
        """Return what the group's driver would report now."""
        return self.groups[group].report(self._data)

    def truth(self) -> tuple[tuple[str, ...], Vector, Vector]:
        """Return names, positions and velocities [joints] of all groups, this package's names and units.

        This is where the robot is, whatever its drivers say.
        """
        measured = [group.truth(self._data) for group in self.groups]
        names = tuple(name for group in self.groups for name in group.driver.joints)
        return names, np.concatenate([pair[0] for pair in measured]), np.concatenate([pair[1] for pair in measured])

    def velocities(self, group: int) -> Vector:
        """Return how fast the group's joints move [joints], whatever the driver says of it."""
        return self.groups[group].measure(self._data)[1]

    def snapshot(self) -> Vector:
        """Return a copy of MuJoCo's generalised positions [nq], for the cameras."""
        return self._data.qpos.copy()

    def _close_linkages(self) -> None:
        """Put each mimic joint where its leader wants it."""
        model, joint = self._model, mujoco.mjtEq.mjEQ_JOINT
        for index in np.flatnonzero(model.eq_type == joint):
            follower, leader = model.eq_obj1id[index], model.eq_obj2id[index]
            offset, slope = model.eq_data[index, :2]
            position = self._data.qpos[model.jnt_qposadr[leader]]
            self._data.qpos[model.jnt_qposadr[follower]] = offset + slope * position
