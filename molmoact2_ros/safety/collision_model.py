# SPDX-License-Identifier: Apache-2.0
"""The robot compiled for MuJoCo from the collision shapes of its URDF, with a table and with pairs that may touch.

Links that may touch, each pair for one reason:

    rigidly joined, or neighbours at one joint      they touch by design; the table is a neighbour as the base is
    moved by one gripper, and what carries it       fingers meet; their drive hides inside the palm
    touching in a pose of the embodiment file       shapes are wider than links; no named pose collides
    named in `ignored_pairs`                        the file gives the reason

No pose of the embodiment file may touch the table: configure fails, because a table at a wrong height is no table. It
fails too where a link has no shape, or all its pairs are among these: see `shapes`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from xml.etree import ElementTree

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import (
    Affine,
    Embodiment,
    EmbodimentError,
    Tcp,
    explain,
    read_urdf,
    resolve_meshes,
    set_compiler,
)

from .errors import SafetyError
from .shapes import Pair, link_pair, require_hands, require_pairs, require_shapes

Vector = NDArray[np.float64]
TABLE = "table"
WORLD = "world"  # MuJoCo's name for what carries the robot's root and the table


@dataclass(frozen=True)
class CollisionModel:
    """Index arrays are in the embodiment's joint order.

    Attributes:
        model: the compiled robot; every geom is a collision shape, or the table.
        is_gripper: [joints].
        scale: [joints] position of the URDF joint per position of ours.
        offset: [joints] position of the URDF joint at our 0.
        lead: [nq, joints] which of our joints moves each joint of the model, and how much; mimic joints follow.
        rest: [nq] where the joints of the model are when ours are at 0 of the URDF.
        tcps: index of the link and the TCP it carries.
        table: index of the table's geom.
        margin_m: least distance between links.
        table_margin_m: least distance to the table.
    """

    model: mujoco.MjModel
    is_gripper: NDArray[np.bool_]
    scale: Vector
    offset: Vector
    lead: Vector
    rest: Vector
    tcps: tuple[tuple[int, Tcp], ...]
    table: int
    margin_m: float
    table_margin_m: float

    @classmethod
    def load(cls, embodiment: Embodiment) -> CollisionModel:
        """Compile.

        Raises:
            SafetyError: MuJoCo cannot read the URDF, a joint or link is missing in it, a pose touches the table, or a
                link would not be checked against anything.
        """
        spec, root = _spec(embodiment)
        bare = cls._compiled(embodiment, spec)
        require_shapes(bare.model, root, embodiment)
        grippers = list(_gripper_groups(bare, embodiment))
        require_hands(bare.model, grippers, embodiment)
        derived = {*_neighbours(bare.model), *_gripper_pairs(bare.model, grippers)}
        pairs = {*derived, *_ignored(bare.model, embodiment)}
        touching = _touching(bare, embodiment)
        pairs |= {pair for pair in touching if WORLD not in pair}
        for pair, pose in touching.items():
            if WORLD in pair and pair not in pairs:
                link = pair[0] if pair[1] == WORLD else pair[1]
                raise SafetyError(
                    f"{embodiment.name}: in the pose {pose} {link} is less than geometry.table_margin_m from the "
                    "table; correct the pose, or geometry.table_height_m"
                )
        require_pairs(bare.model, pairs, derived, embodiment)
        for first, second in sorted(pairs):
            spec.add_exclude(bodyname1=first, bodyname2=second)
        return replace(bare, model=_compile(spec, embodiment))

    @classmethod
    def _compiled(cls, embodiment: Embodiment, spec: mujoco.MjSpec) -> CollisionModel:
        model, geometry = _compile(spec, embodiment), embodiment.geometry
        units = [geometry.grippers.get(joint.name, Affine()) for joint in embodiment.joints]
        joints = [_index(model.joint, joint.urdf_joint, embodiment) for joint in embodiment.joints]
        lead, rest = _leads(model, joints)
        return cls(
            model=model,
            is_gripper=embodiment.is_gripper,
            scale=np.array([unit.scale for unit in units]),
            offset=np.array([unit.offset for unit in units]),
            lead=lead,
            rest=rest,
            tcps=tuple((_index(model.body, tcp.link, embodiment), tcp) for tcp in geometry.tcps),
            table=model.geom(TABLE).id,
            margin_m=geometry.margin_m,
            table_margin_m=geometry.table_margin_m,
        )

    def qpos_of(self, positions: Vector) -> Vector:
        """Return positions [nq] of the model from ours [joints]."""
        return self.rest + self.lead @ (self.scale * positions + self.offset)

    def qvel_of(self, velocities: Vector) -> Vector:
        """Return velocities [nv] of the model from ours [joints]."""
        return self.lead @ (self.scale * velocities)

    def name(self, geom: int) -> str:
        """Return the link of a geom, or `table`."""
        return TABLE if geom == self.table else str(self.model.body(self.model.geom_bodyid[geom]).name)


def _spec(embodiment: Embodiment) -> tuple[mujoco.MjSpec, ElementTree.Element]:
    """Return the robot with its table, and its URDF as written."""
    geometry = embodiment.geometry
    try:
        written = read_urdf(embodiment.urdf)
        root = copy.deepcopy(written)
        for link in root.iter("link"):
            for visual in link.findall("visual"):
                link.remove(visual)  # and with them meshes that need not be there
        resolve_meshes(root, embodiment.urdf)
        set_compiler(root, fusestatic="false")  # links keep their names
        spec = mujoco.MjSpec.from_string(ElementTree.tostring(root, encoding="unicode"))
    except EmbodimentError as error:
        raise SafetyError(f"{embodiment.name}: {error}") from error
    except ValueError as error:
        raise _unusable(embodiment, error) from error
    # A contact is found within the margins of its two geoms, added or the larger one by MuJoCo's version: enough here.
    for geom in spec.geoms:
        geom.margin = geometry.margin_m
    plane = mujoco.mjtGeom.mjGEOM_PLANE
    table = spec.worldbody.add_geom(name=TABLE, type=plane, size=[0.0, 0.0, 1.0], margin=geometry.table_margin_m)
    table.pos = [0.0, 0.0, geometry.table_height_m]
    return spec, written


def _compile(spec: mujoco.MjSpec, embodiment: Embodiment) -> mujoco.MjModel:
    """Compile; MuJoCo opens mesh files and looks at sizes only now."""
    try:
        return spec.compile()
    except ValueError as error:
        raise _unusable(embodiment, error) from error


def _unusable(embodiment: Embodiment, error: ValueError) -> SafetyError:
    urdf = embodiment.urdf
    return SafetyError(f"{embodiment.name}: cannot use {urdf}: {explain(urdf, error)}; correct it")


def _index(find: object, name: str, embodiment: Embodiment) -> int:
    try:
        return int(find(name).id)  # type: ignore[operator]
    except KeyError:
        raise SafetyError(f"{embodiment.urdf.name} has no {name}, which {embodiment.name} names") from None


def _leads(model: mujoco.MjModel, joints: list[int]) -> tuple[Vector, Vector]:
    """Return which of our joints moves each joint of the model, and where those rest that follow with an offset."""
    lead, rest = np.zeros((model.nq, len(joints))), model.qpos0.copy()
    lead[model.jnt_qposadr[joints], np.arange(len(joints))] = 1.0
    for equality in np.flatnonzero(model.eq_type == mujoco.mjtEq.mjEQ_JOINT):  # mimic joints
        follower, leader = (model.jnt_qposadr[index[equality]] for index in (model.eq_obj1id, model.eq_obj2id))
        offset, slope = model.eq_data[equality, :2]
        lead[follower], rest[follower] = slope * lead[leader], offset
    return lead, rest


def _rigid_groups(model: mujoco.MjModel) -> dict[int, list[int]]:
    """Return the bodies of each group that moves as one, by the index of its first."""
    groups: dict[int, list[int]] = {}
    for body in range(model.nbody):
        groups.setdefault(int(model.body_weldid[body]), []).append(body)
    return groups


def _parent_group(model: mujoco.MjModel, group: int) -> int:
    return int(model.body_weldid[model.body_parentid[group]])


def _pairs(model: mujoco.MjModel, first: list[int], second: list[int]) -> Iterator[Pair]:
    names = [[str(model.body(body).name) for body in bodies] for bodies in (first, second)]
    yield from (link_pair(one, other) for one in names[0] for other in names[1] if one != other)


def _neighbours(model: mujoco.MjModel) -> Iterator[Pair]:
    """Yield the links on the two sides of every joint, and those that are rigidly joined."""
    groups = _rigid_groups(model)
    for group, bodies in groups.items():
        yield from _pairs(model, bodies, bodies)
        if group:
            yield from _pairs(model, bodies, groups[_parent_group(model, group)])


def _gripper_groups(collision_model: CollisionModel, embodiment: Embodiment) -> Iterator[tuple[str, set[int]]]:
    """Yield each gripper joint with the rigid groups that it moves, mimic joints included, and what carries them."""
    model = collision_model.model
    for column in np.flatnonzero(embodiment.is_gripper):
        moving = {
            int(model.body_weldid[model.jnt_bodyid[joint]])
            for joint in range(model.njnt)
            if collision_model.lead[model.jnt_qposadr[joint], column] != 0
        }
        yield embodiment.joint_names[column], moving | {_parent_group(model, group) for group in moving}


def _gripper_pairs(model: mujoco.MjModel, grippers: Iterable[tuple[str, set[int]]]) -> Iterator[Pair]:
    """Yield the links that one gripper joint moves with each other and with what carries them."""
    groups = _rigid_groups(model)
    for _, members in grippers:
        for first, second in combinations(sorted(members), 2):
            yield from _pairs(model, groups[first], groups[second])


def _ignored(model: mujoco.MjModel, embodiment: Embodiment) -> Iterator[Pair]:
    for pair in embodiment.geometry.ignored_pairs.items():
        for link in pair:
            _index(model.body, link, embodiment)
        if pair[0] == pair[1]:
            raise SafetyError(f"{embodiment.name}: geometry.ignored_pairs holds {pair[0]} against itself; take it out")
        yield link_pair(*pair)


def _touching(collision_model: CollisionModel, embodiment: Embodiment) -> dict[Pair, str]:
    """Return the pairs that are nearer than their margin in a pose of the embodiment file, with its name."""
    data = mujoco.MjData(collision_model.model)
    found: dict[Pair, str] = {}
    for name in embodiment.poses:
        data.qpos[:] = collision_model.qpos_of(embodiment.pose(name))
        mujoco.mj_kinematics(collision_model.model, data)
        mujoco.mj_collision(collision_model.model, data)
        for (first, second), distance in zip(data.contact.geom, data.contact.dist, strict=True):
            margin_m = (
                collision_model.table_margin_m if collision_model.table in (first, second) else collision_model.margin_m
            )
            if distance < margin_m:
                bodies = [
                    str(collision_model.model.body(collision_model.model.geom_bodyid[geom]).name)
                    for geom in (first, second)
                ]
                found.setdefault(link_pair(*bodies), name)
    return found
