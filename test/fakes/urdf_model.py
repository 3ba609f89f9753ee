# SPDX-License-Identifier: Apache-2.0
"""A robot's URDF as MuJoCo reads it, and forward kinematics without it: products of published transforms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from molmoact2_ros.embodiment import Embodiment

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Joint:
    """One row of a kinematic table: position (m) and fixed-axis angles (rad) in the parent, axis, limits."""

    xyz: Triple
    rpy: Triple = (0.0, 0.0, 0.0)
    axis: Triple = (0.0, 0.0, 1.0)
    limits: tuple[float, float] = (0.0, 0.0)


def load(robot: Embodiment) -> mujoco.MjModel:
    """Read the URDF with all its links, those without a joint too."""
    name = f'<robot name="{robot.name}">'
    text = robot.urdf.read_text()
    assert name in text
    options = '<mujoco><compiler fusestatic="false"/></mujoco>'
    return mujoco.MjModel.from_xml_string(text.replace(name, name + options))


def forward(model: mujoco.MjModel, joints: Mapping[str, float]) -> mujoco.MjData:
    """Place the joints, and what mimics them; the others stay at 0."""
    data = mujoco.MjData(model)
    for name, position in joints.items():
        data.joint(name).qpos = position
    for equality in range(model.neq):
        leader, follower = (model.jnt_qposadr[ids[equality]] for ids in (model.eq_obj2id, model.eq_obj1id))
        data.qpos[follower] = model.eq_data[equality, 1] * data.qpos[leader]
    mujoco.mj_kinematics(model, data)
    return data


def frame(xyz: Triple, rpy: Triple = (0.0, 0.0, 0.0)) -> np.ndarray:
    """Return a transform as URDF means it: turned about fixed x, then y, then z."""
    transform = np.eye(4)
    x, y, z = (turn(axis, angle) for axis, angle in zip(np.eye(3), rpy, strict=True))
    transform[:3, :3] = z @ y @ x
    transform[:3, 3] = xyz
    return transform


def turn(axis: Iterable[float], angle: float) -> np.ndarray:
    """Return the rotation about a unit axis: Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def chain(table: Iterable[Joint], angles: Iterable[float], base: np.ndarray | None = None) -> np.ndarray:
    """Return the pose of the last joint's link."""
    transform = np.eye(4) if base is None else base
    for joint, angle in zip(table, angles, strict=True):
        turned = np.eye(4)
        turned[:3, :3] = turn(joint.axis, angle)
        transform = transform @ frame(joint.xyz, joint.rpy) @ turned
    return transform


def assert_stands_at(link: Any, expected: np.ndarray, atol: float = 1e-9) -> None:
    """Compare position and orientation."""
    np.testing.assert_allclose(link.xpos, expected[:3, 3], atol=atol)
    np.testing.assert_allclose(link.xmat.reshape(3, 3), expected[:3, :3], atol=atol)


def random_poses(table: Iterable[Joint], count: int = 100) -> list[np.ndarray]:
    """Draw poses within the limits."""
    low, high = np.array([joint.limits for joint in table]).T
    return list(np.random.default_rng(0).uniform(low, high, (count, len(low))))


def driver_range(robot: Embodiment, driver: str, joint_name: str) -> tuple[float, float]:
    """Return the ends of a joint's range in a driver's unit, the lower first."""
    group = next(group for group in robot.driver(driver).groups if joint_name in group.joints)
    column = list(group.joints).index(joint_name)
    joint = next(joint for joint in robot.joints if joint.name == joint_name)
    ends = [group.unit.outside(np.full(len(group.joints), end))[column] for end in (joint.low, joint.high)]
    return min(ends), max(ends)
