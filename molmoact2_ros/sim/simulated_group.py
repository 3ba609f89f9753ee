# SPDX-License-Identifier: Apache-2.0
"""One group of joints behind its controller: units, indices and the controller that the driver profile names."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import (
    DIFFERENCES,
    JOINT_TRAJECTORY,
    STREAMED_TRAJECTORY,
    Affine,
    DriverGroup,
    Embodiment,
    Joint,
)

from .forward_controller import ForwardController
from .group_state import SimulatedGroupState
from .joint_trajectory import JointTrajectory
from .last_point_controller import LastPointController
from .scene import Scene
from .trajectory_controller import TrajectoryController

Vector = NDArray[np.float64]
Controller = TrajectoryController | LastPointController | ForwardController


class SimulatedGroup:
    """The joints of one driver group, in the driver's units and names towards the outside."""

    def __init__(self, group: DriverGroup, embodiment: Embodiment, scene: Scene, pose: Vector) -> None:
        """Hold the group's part of `pose` [joints of the embodiment], this package's units."""
        self.driver = group
        self.names = tuple(group.joints.values())
        index = [embodiment.joint_names.index(name) for name in group.joints]
        joints = [embodiment.joints[i] for i in index]
        self._unit = Affine.of_joints(scene.description.servos[joint.name].unit for joint in joints)  # the URDF's
        self._qpos, self._dof, self._actuator = scene.qpos[index], scene.dof[index], scene.actuator[index]
        self.controller = self._make_controller(joints, group.unit.outside(pose[index]))

    def command(self, command: JointTrajectory | Vector, now_ns: int, data: mujoco.MjData) -> None:
        """Hand a trajectory, or a vector [joints], to the controller; raise CommandRefused as it does."""
        if isinstance(self.controller, (TrajectoryController, LastPointController)):
            assert isinstance(command, JointTrajectory)
            self.controller.accept(command, now_ns, *self.measure(data))
        else:
            assert isinstance(command, np.ndarray)
            self.controller.accept(command)

    def drive(self, time_ns: int, data: mujoco.MjData) -> None:
        """Give the servos the setpoint of this moment."""
        if isinstance(self.controller, LastPointController):
            self.controller.watch(self.measure(data)[0])
        positions, velocities = self.controller.sample(time_ns)
        inside, rate = self.driver.unit.inside(positions), self.driver.unit.rate_inside(velocities)
        data.ctrl[self._actuator] = self._unit.outside(inside)
        data.ctrl[self._actuator + 1] = self._unit.rate_outside(rate)

    def measure(self, data: mujoco.MjData) -> tuple[Vector, Vector]:
        """Return positions and velocities [joints]."""
        inside, rate = self._unit.inside(data.qpos[self._qpos]), self._unit.rate_inside(data.qvel[self._dof])
        return self.driver.unit.outside(inside), self.driver.unit.rate_outside(rate)

    def truth(self, data: mujoco.MjData) -> tuple[Vector, Vector]:
        """Return positions and velocities [joints], this package's units."""
        return self._unit.inside(data.qpos[self._qpos]), self._unit.rate_inside(data.qvel[self._dof])

    def place(self, pose: Vector, data: mujoco.MjData) -> None:
        """Put the joints there at once: the driver's units."""
        data.qpos[self._qpos] = self._unit.outside(self.driver.unit.inside(pose))

    def report(self, data: mujoco.MjData) -> SimulatedGroupState:
        """Return what the driver says of the joints."""
        positions, velocities = self.measure(data)
        if self.driver.velocity == DIFFERENCES:
            velocities = np.zeros_like(velocities)  # there is a number, but no use in it
        return SimulatedGroupState(self.names, positions, velocities, data.qfrc_actuator[self._dof].copy())

    def _make_controller(self, joints: list[Joint], start: Vector) -> Controller:
        if self.driver.interface == JOINT_TRAJECTORY:
            return TrajectoryController(self.names, start)
        if self.driver.interface == STREAMED_TRAJECTORY:
            return LastPointController(self.names, start)
        stops = self.driver.unit.outside(np.array([[joint.low for joint in joints], [joint.high for joint in joints]]))
        speed = np.abs(self.driver.unit.rate_outside(np.array([joint.velocity for joint in joints])))
        return ForwardController(self.names, start, speed, stops.min(axis=0), stops.max(axis=0))
