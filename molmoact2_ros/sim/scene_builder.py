# SPDX-License-Identifier: Apache-2.0
"""Put what surrounds the robot into a MuJoCo specification: objects, lights, floor and sky, cameras."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from .scene_camera import SceneCamera
from .scene_object import SceneObject

# A contact needs a bit of one geom's type in the other's affinity: objects touch robot and objects, the robot touches
# objects only. Its own links overlap by design at the joints; self-collision is the safety node's business.
ROBOT_TYPE, ROBOT_AFFINITY = 1, 2
OBJECT_TYPE, OBJECT_AFFINITY = 2, 3
TEXTURE_PX = 256
BOWL_STAVES = 16
FLOOR_BELOW_M = 0.75  # a table's height below the robot's base


def add_surroundings(spec: mujoco.MjSpec, lights: tuple[tuple[float, float, float], ...]) -> None:
    """Add the light of a room, a floor and, instead of the void, a plain horizon."""
    headlight = spec.visual.headlight
    headlight.ambient, headlight.diffuse, headlight.specular = [0.42] * 3, [0.22] * 3, [0.05] * 3
    for position in lights:
        light = spec.worldbody.add_light(pos=position, dir=-np.array(position), castshadow=False)
        light.diffuse, light.specular = [0.42, 0.41, 0.38], [0.15] * 3
    sky = spec.add_texture(name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, width=64, height=384)
    sky.builtin = mujoco.mjtBuiltin.mjBUILTIN_GRADIENT
    sky.rgb1, sky.rgb2 = [0.78, 0.80, 0.80], [0.45, 0.46, 0.47]
    material = _material(spec, "floor", (0.42, 0.43, 0.45), "checker", repeat=6.0)
    floor = spec.worldbody.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[4.0, 4.0, 0.1])
    floor.pos, floor.material = [0.0, 0.0, -FLOOR_BELOW_M], material
    floor.contype, floor.conaffinity = OBJECT_TYPE, OBJECT_AFFINITY


def add_camera(spec: mujoco.MjSpec, camera: SceneCamera) -> None:
    """Hang a camera on its link, named after its role."""
    right, up = np.array(camera.axes()).reshape(2, 3)
    rotation = np.column_stack([right, up, np.cross(right, up)])  # MuJoCo's cameras look along -z
    body = spec.worldbody if camera.parent == "world" else spec.body(camera.parent)
    made = body.add_camera(name=camera.role, pos=camera.position, fovy=camera.fovy_deg)
    made.quat = _quaternion(rotation)


def add_object(spec: mujoco.MjSpec, thing: SceneObject) -> None:
    """Add one object, free to move if it has a mass."""
    yaw = math.radians(thing.yaw_deg)
    body = spec.worldbody.add_body(name=thing.name, pos=thing.position)
    body.quat = [math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)]
    if thing.mass_kg:
        body.add_freejoint(name=thing.name)
    material = _material(spec, thing.name, thing.colour, thing.finish, repeat=4.0)
    geoms = _bowl(body, thing) if thing.shape == "bowl" else [_solid(body, thing)]
    for geom in geoms:
        geom.material, geom.mass = material, thing.mass_kg / len(geoms)
        geom.contype, geom.conaffinity = OBJECT_TYPE, OBJECT_AFFINITY
        geom.friction = [1.0, 0.01, 0.0005]


def _solid(body: mujoco.MjsBody, thing: SceneObject) -> mujoco.MjsGeom:
    width, depth, height = thing.size
    kinds = {
        "box": (mujoco.mjtGeom.mjGEOM_BOX, [width / 2, depth / 2, height / 2]),
        "cylinder": (mujoco.mjtGeom.mjGEOM_CYLINDER, [width, height / 2, 0.0]),
        "sphere": (mujoco.mjtGeom.mjGEOM_SPHERE, [width, 0.0, 0.0]),
    }
    kind, size = kinds[thing.shape]
    return body.add_geom(type=kind, size=size)


def _bowl(body: mujoco.MjsBody, thing: SceneObject) -> list[mujoco.MjsGeom]:
    """Build a bowl from a disc and a ring of staves that lean outward; its origin is the middle of the bottom."""
    radius, _, height = thing.size
    thickness, lean = 0.004, math.radians(25.0)
    foot = radius - height * math.tan(lean)
    geoms = [body.add_geom(type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[foot, thickness, 0.0])]
    half_width = radius * math.tan(math.pi / BOWL_STAVES)
    for turn in np.arange(BOWL_STAVES) * 2 * math.pi / BOWL_STAVES:
        out = np.array([math.cos(turn), math.sin(turn), 0.0])
        up = math.sin(lean) * out + np.array([0.0, 0.0, math.cos(lean)])
        side = np.array([-math.sin(turn), math.cos(turn), 0.0])
        stave = body.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX)
        stave.size = [thickness / 2, half_width, height / 2 / math.cos(lean)]
        stave.pos = (foot + radius) / 2 * out + np.array([0.0, 0.0, height / 2])
        stave.quat = _quaternion(np.column_stack([np.cross(side, up), side, up]))
        geoms.append(stave)
    return geoms


def _material(spec: mujoco.MjSpec, name: str, colour: tuple[float, float, float], finish: str, *, repeat: float) -> str:
    material = spec.add_material(name=name, rgba=[*colour, 1.0], specular=0.2, shininess=0.3)
    if finish == "plain":
        return name
    texture = spec.add_texture(name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=TEXTURE_PX, height=TEXTURE_PX)
    darker = [0.82 * value for value in colour]
    texture.rgb1, texture.rgb2, texture.markrgb = list(colour), darker, darker
    if finish == "checker":
        texture.builtin = mujoco.mjtBuiltin.mjBUILTIN_CHECKER
    else:
        texture.builtin = mujoco.mjtBuiltin.mjBUILTIN_FLAT
        texture.mark, texture.random = mujoco.mjtMark.mjMARK_RANDOM, 0.12
    material.rgba = [1.0, 1.0, 1.0, 1.0]
    material.texrepeat = [repeat, repeat]
    roles = material.textures
    roles[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    material.textures = roles
    return name


def _quaternion(rotation: np.ndarray) -> np.ndarray:
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, rotation.ravel())
    return quaternion
