# SPDX-License-Identifier: Apache-2.0
"""Build the MuJoCo model of a robot in its surroundings, from its URDF and its scene file, when the program runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import Embodiment, EmbodimentError, explain, read_urdf, resolve_meshes, set_compiler

from . import scene_builder
from .errors import SimulationError
from .scene_description import SceneDescription
from .servo import Servo

VIEW_GROUP, HIDDEN_GROUP = 1, 3  # MuJoCo draws groups 0 to 2
MIMIC_ARMATURE = 0.002  # kg m2; keeps the light links of a mimic linkage stiff at the time step
MIMIC_SOLREF = (0.006, 1.0)  # s, damping ratio: the linkage follows within three time steps
OFFSCREEN_PX = (1280, 720)  # largest camera image
# Facets of round shapes and samples per pixel, for renderers without a GPU: MuJoCo's 28 and 4 take four times as long.
ROUND_SLICES, SAMPLES = 14, 0


@dataclass(frozen=True)
class Scene:
    """A compiled world. Index arrays are in the order of the embodiment's joints.

    Attributes:
        model: robot, objects and cameras (named by role).
        description: the scene file.
        qpos: [joints] index into MjData.qpos.
        dof: [joints] index into MjData.qvel.
        actuator: [joints] index into MjData.ctrl of the position servo; the one after it takes the velocity.
    """

    model: mujoco.MjModel
    description: SceneDescription
    qpos: NDArray[np.int64]
    dof: NDArray[np.int64]
    actuator: NDArray[np.int64]

    @classmethod
    def build(cls, embodiment: Embodiment, description: SceneDescription) -> Scene:
        """Compile robot and surroundings.

        Raises:
            SimulationError: the URDF cannot be read, or lacks a joint of the embodiment or the link of a camera.
        """
        spec = _robot(embodiment.urdf)
        _check_names(spec, embodiment, description)
        for joint in embodiment.joints:
            _add_servo(spec, joint.urdf_joint, description.servos[joint.name])
        scene_builder.add_surroundings(spec, description.lights)
        for thing in description.objects:
            scene_builder.add_object(spec, thing)
        for camera in description.cameras.values():
            scene_builder.add_camera(spec, camera)
        _set_options(spec, description)
        try:
            model = spec.compile()  # opens mesh files, looks at sizes
        except ValueError as error:
            raise _unusable(embodiment.urdf, error) from error
        scene = cls(model, description, *_indices(model, [joint.urdf_joint for joint in embodiment.joints]))
        _set_joint_dynamics(scene, [description.servos[joint.name] for joint in embodiment.joints])
        return scene


def _robot(urdf: Path) -> mujoco.MjSpec:
    try:
        root = read_urdf(urdf)
        resolve_meshes(root, urdf)
        set_compiler(root, discardvisual="false", fusestatic="false")  # else MuJoCo drops visual shapes, fixed links
        spec = mujoco.MjSpec.from_string(ElementTree.tostring(root, encoding="unicode"))
    except EmbodimentError as error:
        raise SimulationError(str(error)) from error
    except ValueError as error:
        raise _unusable(urdf, error) from error
    for body in spec.bodies[1:]:
        body.gravcomp = 1.0  # arms with a torque interface hold their own weight
    for geom in spec.geoms:
        if geom.contype:
            geom.group, geom.contype, geom.conaffinity = (
                HIDDEN_GROUP,
                scene_builder.ROBOT_TYPE,
                scene_builder.ROBOT_AFFINITY,
            )
            geom.friction = [1.0, 0.01, 0.0005]
    for equality in spec.equalities:
        equality.solref = MIMIC_SOLREF
    return spec


def _unusable(urdf: Path, error: ValueError) -> SimulationError:
    return SimulationError(f"cannot use {urdf} with its scene file: {explain(urdf, error)}; correct it")


def _check_names(spec: mujoco.MjSpec, embodiment: Embodiment, description: SceneDescription) -> None:
    for joint in embodiment.joints:
        if spec.joint(joint.urdf_joint) is None:
            raise SimulationError(f"{embodiment.urdf.name} has no joint {joint.urdf_joint}; {joint.name} names it")
    for camera in description.cameras.values():
        if camera.parent != "world" and spec.body(camera.parent) is None:
            raise SimulationError(f"{embodiment.urdf.name} has no link {camera.parent} for camera {camera.role}")


def _add_servo(spec: mujoco.MjSpec, urdf_joint: str, servo: Servo) -> None:
    joint = spec.joint(urdf_joint)
    limit = min(servo.effort, float(joint.actfrcrange[1]))
    joint.actfrcrange = [-limit, limit]
    for name, gain, bias in (
        ("position", servo.stiffness, [0.0, -servo.stiffness, 0.0]),
        ("velocity", servo.damping, [0.0, 0.0, -servo.damping]),
    ):
        actuator = spec.add_actuator(name=f"{urdf_joint} {name}", target=urdf_joint)
        actuator.trntype = mujoco.mjtTrn.mjTRN_JOINT
        actuator.gaintype, actuator.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
        actuator.gainprm[0], actuator.biasprm[:3] = gain, bias


def _set_options(spec: mujoco.MjSpec, description: SceneDescription) -> None:
    spec.option.timestep = description.timestep_s
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST  # stable with stiff dampers on light links
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC  # or grasped objects creep
    spec.option.impratio = 10.0
    spec.visual.global_.offwidth, spec.visual.global_.offheight = OFFSCREEN_PX
    spec.visual.quality.numslices = spec.visual.quality.numstacks = ROUND_SLICES
    spec.visual.quality.offsamples = SAMPLES
    spec.visual.map.znear = 0.01  # of the model's extent: the gripper is close to its camera
    spec.stat.extent, spec.stat.center = 1.0, [0.4, 0.0, 0.2]


def _indices(model: mujoco.MjModel, joints: list[str]) -> tuple[NDArray[np.int64], ...]:
    qpos = [int(model.joint(name).qposadr[0]) for name in joints]
    dof = [int(model.joint(name).dofadr[0]) for name in joints]
    actuator = [model.actuator(f"{name} position").id for name in joints]
    return np.array(qpos), np.array(dof), np.array(actuator)


def _set_joint_dynamics(scene: Scene, servos: list[Servo]) -> None:
    model = scene.model
    hinges = np.flatnonzero(model.jnt_type != mujoco.mjtJoint.mjJNT_FREE)
    model.dof_armature[model.jnt_dofadr[hinges]] = MIMIC_ARMATURE
    model.dof_armature[scene.dof] = [servo.armature for servo in servos]
    model.dof_damping[scene.dof] = [servo.friction for servo in servos]
