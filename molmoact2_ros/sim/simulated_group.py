# SPDX-License-Identifier: Apache-2.0
"""One group of joints behind its controller: units, indices and the controller that the driver profile names."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import JOINT_TRAJECTORY, DriverGroup, Embodiment, Joint

from .forward_controller import ForwardController
from .joint_trajectory import JointTrajectory
from .scene import Scene
from .trajectory_controller import TrajectoryController

Vector = NDArray[np.float64]


class SimulatedGroup:
    """The joints of one driver group, in the driver's units and names towards the outside."""

    def __init__(self, group: DriverGroup, embodiment: Embodiment, scene: Scene, pose: Vector) -> None:
        """Hold the group's part of `pose` [joints of the embodiment], this package's units."""
        self.driver = group
        self.names = tuple(group.joints.values())
        index = [embodiment.joint_names.index(name) for name in group.joints]
        joints = [embodiment.joints[i] for i in index]
        units = [scene.description.servos[joint.name].unit for joint in joints]
        self._scale, self._offset = np.array([unit.scale for unit in units]), np.array([unit.offset for unit in units])
        self._qpos, self._dof, self._actuator = scene.qpos[index], scene.dof[index], scene.actuator[index]
        self.controller = self._make_controller(joints, group.unit.outside(pose[index]))

    def command(self, command: JointTrajectory | Vector, now_ns: int, data: mujoco.MjData) -> None:
        """Hand a trajectory, or a vector [joints], to the controller; raise CommandRefused as it does."""
        if isinstance(self.controller, TrajectoryController):
            assert isinstance(command, JointTrajectory)
            self.controller.accept(command, now_ns, *self.measure(data))
        else:
            assert isinstance(command, np.ndarray)
            self.controller.accept(command)

    def drive(self, time_ns: int, data: mujoco.MjData) -> None:
        """Give the servos the set point of this moment."""
        positions, velocities = self.controller.sample(time_ns)
        inside, rate = self.driver.unit.inside(positions), self.driver.unit.rate_inside(velocities)
        data.ctrl[self._actuator] = self._scale * inside + self._offset
        data.ctrl[self._actuator + 1] = self._scale * rate

    def measure(self, data: mujoco.MjData) -> tuple[Vector, Vector]:
        """Return positions and velocities [joints]."""
        inside = (data.qpos[self._qpos] - self._offset) / self._scale
        rate = data.qvel[self._dof] / self._scale
        return self.driver.unit.outside(inside), self.driver.unit.rate_outside(rate)

    def efforts(self, data: mujoco.MjData) -> Vector:
        """Return the servos' torques or forces [joints], N m or N."""
        return data.qfrc_actuator[self._dof].copy()

    def place(self, pose: Vector, data: mujoco.MjData) -> None:
        """Put the joints there at once: the driver's units."""
        data.qpos[self._qpos] = self._scale * self.driver.unit.inside(pose) + self._offset

    def _make_controller(self, joints: list[Joint], start: Vector) -> TrajectoryController | ForwardController:
        if self.driver.interface == JOINT_TRAJECTORY:
            return TrajectoryController(self.names, start)
        stops = self.driver.unit.outside(np.array([[joint.low, joint.high] for joint in joints]))
        speed = np.abs(self.driver.unit.rate_outside(np.array([joint.velocity for joint in joints])))
        return ForwardController(self.names, start, speed, stops.min(axis=1), stops.max(axis=1))
