# SPDX-License-Identifier: Apache-2.0
"""The robot's shapes in space: where its TCPs are, how fast they move, and distances between links."""

from __future__ import annotations

import math

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import Embodiment, Tcp
from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.safety_state import Cause, Verdict

from .collision_model import TABLE, CollisionModel

Vector = NDArray[np.float64]

# Between two points that are judged no joint moves farther: at 0.85 m of reach that is 43 mm of the TCP. The command
# after this one, a period later, is judged between them.
STEP_ARM_RAD, STEP_GRIPPER = 0.05, 0.25
MOST_POINTS = 12  # bounds the time of a decision; only the brisk spin of a wrist has more, and goes two steps between
AXES = "xyz"


class CollisionChecker:
    """Judge poses by the shapes of the URDF's links. Not thread-safe: it computes in place."""

    def __init__(self, model: CollisionModel) -> None:
        """Take the compiled robot."""
        self._model = model
        self._data = mujoco.MjData(model.model)
        self._steps = np.where(model.is_gripper, STEP_GRIPPER, STEP_ARM_RAD)
        self._jacobian = np.zeros((3, model.model.nv))
        self._velocity = np.zeros(model.model.nv)

    @classmethod
    def load(cls, embodiment: Embodiment) -> CollisionChecker:
        """Compile the robot's URDF; raise SafetyError if it cannot be used, see `CollisionModel.load`."""
        return cls(CollisionModel.load(embodiment))

    def check_command(self, command: JointCommand) -> Verdict | None:
        """Return the first violation of a command, in joint order; see `points_of` for what is looked at."""
        verdicts = (
            self.check(command.positions[point], command.velocities[point], point) for point in self.points_of(command)
        )
        return next((verdict for verdict in verdicts if verdict is not None), None)

    def points_of(self, command: JointCommand) -> list[int]:
        """Return the points of a command that are judged, in order.

        Its fastest one, its last one, and so many between that no joint goes farther than a step or one segment, or a
        small multiple of it where they would be more than MOST_POINTS.
        """
        ways = (np.abs(np.diff(command.positions, axis=0)) / self._steps).max(axis=1)  # [segments], in steps
        travelled = np.concatenate([[0.0], np.cumsum(ways)]).tolist()
        points, last = [], 0
        for point in range(1, len(travelled)):
            if travelled[point] - travelled[last] > 1.0:
                last = max(point - 1, last + 1)
                points.append(last)
        stride = max(1, math.ceil(len(points) / MOST_POINTS))
        fastest = np.argmax((np.abs(command.velocities) / self._steps).max(axis=1))
        return sorted({*points[stride - 1 :: stride], int(fastest), len(travelled) - 1})

    def check(self, positions: Vector, velocities: Vector, point: int = 0) -> Verdict | None:
        """Return what is wrong with a pose [joints] at these velocities [joints], in joint order."""
        self._place(positions, velocities)
        return self._check_tcps(point) or self._check_contacts(point)

    def _place(self, positions: Vector, velocities: Vector) -> None:
        model, data = self._model, self._data
        data.qpos[:] = model.qpos_of(positions)
        self._velocity[:] = model.qvel_of(velocities)
        mujoco.mj_kinematics(model.model, data)
        mujoco.mj_comPos(model.model, data)  # what the Jacobian needs
        mujoco.mj_collision(model.model, data)

    def _check_tcps(self, point: int) -> Verdict | None:
        for body, tcp in self._model.tcps:
            position = self._data.xpos[body] + self._data.xmat[body].reshape(3, 3) @ tcp.point_m
            verdict = _outside_box(position, tcp, point)
            if verdict is not None:
                return verdict
            mujoco.mj_jac(self._model.model, self._data, self._jacobian, None, position, body)
            speed = float(np.linalg.norm(self._jacobian @ self._velocity))
            if speed > tcp.speed_m_s:
                text = (
                    f"the TCP at {tcp.link} would move at {speed:.3f} m/s at point {point}, above its limit "
                    f"{tcp.speed_m_s:.3f} m/s"
                )
                return Verdict(Cause.TCP_SPEED_LIMIT, text, step=point, value=speed, limit=tcp.speed_m_s)
        return None

    def _check_contacts(self, point: int) -> Verdict | None:
        if not self._data.ncon:
            return None
        geoms, distances = self._data.contact.geom, self._data.contact.dist
        with_table = (geoms == self._model.table).any(axis=1)
        allowed = np.where(with_table, self._model.table_margin_m, self._model.margin_m)
        worst = int(np.argmin(distances - allowed))
        value, limit = float(distances[worst]), float(allowed[worst])
        if value >= limit:
            return None
        link, other = sorted(map(self._model.name, geoms[worst]), key=lambda name: (name == TABLE, name))
        how = f"come within {value * 1e3:.1f} mm of" if value > 0 else f"enter {-value * 1e3:.1f} mm into"
        what = "the table" if other == TABLE else other
        text = f"{link} would {how} {what} at point {point}, at least {limit * 1e3:.1f} mm is kept"
        return Verdict(Cause.COLLISION, text, step=point, value=value, limit=limit)


def _outside_box(position: Vector, tcp: Tcp, point: int) -> Verdict | None:
    low, high = np.array(tcp.low_m), np.array(tcp.high_m)
    outside = np.maximum(position - high, low - position)
    axis = int(np.argmax(outside))
    if outside[axis] <= 0:
        return None
    value = float(position[axis])
    limit, side = (float(high[axis]), "above") if value > high[axis] else (float(low[axis]), "below")
    text = (
        f"the TCP at {tcp.link} would go to {AXES[axis]} = {value:.3f} m at point {point}, {side} its workspace's "
        f"{limit:.3f} m"
    )
    return Verdict(Cause.WORKSPACE, text, step=point, value=value, limit=limit)
