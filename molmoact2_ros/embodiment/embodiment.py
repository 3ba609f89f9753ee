# SPDX-License-Identifier: Apache-2.0
"""A robot as this package knows it: joints, cameras, units, limits, poses, controllers, and the policy's contract.

Everything that depends on the order, sign or unit of a joint is read from one file, config/embodiments/<name>.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.schema import Section, read_yaml

from .affine import Affine
from .camera import Camera
from .driver import FORWARD_COMMANDS, MESSAGE_PACKAGES, Driver
from .errors import EmbodimentError
from .geometry import Geometry
from .joint import Joint
from .policy_contract import PolicyContract
from .share import share_folder

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Embodiment:
    """One robot. Vectors are in the order of `joints`, in this package's units, unless named otherwise."""

    name: str
    title: str
    urdf: Path
    base_frame: str
    command_rate_hz: float
    policy: PolicyContract
    cameras: tuple[Camera, ...]
    joints: tuple[Joint, ...]
    poses: dict[str, tuple[float, ...]]
    drivers: dict[str, Driver]
    geometry: Geometry

    @classmethod
    def load(cls, name_or_path: str | Path) -> Embodiment:
        """Load a shipped robot by name, or any file.

        Args:
            name_or_path: `droid`, or the path of a YAML file.

        Raises:
            EmbodimentError: no such robot or file, or its content cannot be used; says what to change.
        """
        path = _find(name_or_path)
        return cls._read(Section(read_yaml(path), path.name), path)

    @classmethod
    def _read(cls, section: Section, path: Path) -> Embodiment:
        joints = tuple(Joint.read(entry) for entry in section.sections("joints"))
        names = _unique([joint.name for joint in joints], f"{section.where}.joints")
        _unique([joint.urdf_joint for joint in joints], f"{section.where}.joints.urdf_joint")
        cameras = tuple(Camera.read(entry) for entry in section.sections("cameras"))
        _unique([camera.role for camera in cameras], f"{section.where}.cameras")
        _unique([camera.frame_id for camera in cameras if camera.frame_id], f"{section.where}.cameras.frame_id")
        poses = section.section("poses")
        drivers = section.named_sections("drivers")
        embodiment = cls(
            name=section.text("name"),
            title=section.text("title"),
            urdf=_find_urdf(path, section.text("urdf")),
            base_frame=section.text("base_frame"),
            command_rate_hz=section.number("command_rate_hz"),
            policy=PolicyContract.read(section.section("policy")),
            cameras=cameras,
            joints=joints,
            poses={pose: poses.numbers(pose, len(joints)) for pose in poses.remaining()},
            drivers={driver: Driver.read(driver, entry, names) for driver, entry in drivers.items()},
            geometry=Geometry.read(section.section("geometry"), _grippers(joints)),
        )
        section.finish()
        embodiment._check(section.where)
        return embodiment

    def _check(self, where: str) -> None:
        if self.command_rate_hz <= 0:
            raise EmbodimentError(f"{where}.command_rate_hz: expected a positive number, got {self.command_rate_hz}")
        if len(self.cameras) != self.policy.num_cameras:
            raise EmbodimentError(
                f"{where}.cameras: expected {self.policy.num_cameras} (policy.num_cameras), got {len(self.cameras)} "
                f"({', '.join(self.camera_roles)}): add the missing one, or correct policy.num_cameras if the "
                "checkpoint takes as many"
            )
        if "home" not in self.poses:
            raise EmbodimentError(f"{where}.poses: key 'home' is missing; add it")
        for pose, values in self.poses.items():
            for joint, value in zip(self.joints, values, strict=True):
                if not joint.low <= value <= joint.high:
                    raise EmbodimentError(
                        f"{where}.poses.{pose}: {joint.name} = {value} lies outside {joint.low}..{joint.high}"
                    )

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of all joints, in order."""
        return tuple(joint.name for joint in self.joints)

    @property
    def camera_roles(self) -> tuple[str, ...]:
        """Roles of all cameras, in the policy's order."""
        return tuple(camera.role for camera in self.cameras)

    @property
    def is_gripper(self) -> NDArray[np.bool_]:
        """[joints] True where the joint is a gripper."""
        return np.array([joint.is_gripper for joint in self.joints])

    def limits(self, key: str) -> Vector:
        """Return one limit of every joint: `low`, `high`, `margin`, `velocity`, `acceleration` or `jerk`."""
        return np.array([getattr(joint, key) for joint in self.joints], dtype=np.float64)

    def pose(self, name: str) -> Vector:
        """Return a named pose; raise EmbodimentError if the file has none of that name."""
        if name not in self.poses:
            raise EmbodimentError(f"{self.name} has no pose {name!r}; it has {', '.join(self.poses)}")
        return np.array(self.poses[name], dtype=np.float64)

    def slowed(self, scale: float) -> Embodiment:
        """Return the robot with the largest speeds of its joints and TCPs scaled, for bring-up."""
        joints = tuple(replace(joint, velocity=scale * joint.velocity) for joint in self.joints)
        tcps = tuple(replace(tcp, speed_m_s=scale * tcp.speed_m_s) for tcp in self.geometry.tcps)
        return replace(self, joints=joints, geometry=replace(self.geometry, tcps=tcps))

    def driver(self, name: str) -> Driver:
        """Return a driver profile; raise EmbodimentError if the file has none of that name."""
        if name not in self.drivers:
            raise EmbodimentError(f"{self.name} has no driver {name!r}; it has {', '.join(self.drivers)}")
        return self.drivers[name]

    def to_policy(self, values: Vector) -> Vector:
        """Convert positions [..., joints] to the policy's units."""
        return self._policy_unit.outside(values)

    def from_policy(self, values: Vector) -> Vector:
        """Convert positions [..., joints] from the policy's units."""
        return self._policy_unit.inside(values)

    @property
    def _policy_unit(self) -> Affine:
        return Affine.of_joints(joint.policy for joint in self.joints)


def shipped_embodiments() -> list[str]:
    """Return the names of the robots that come with the package."""
    return sorted(path.stem for path in (share_folder() / "config" / "embodiments").glob("*.yaml"))


def _grippers(joints: tuple[Joint, ...]) -> tuple[str, ...]:
    return tuple(joint.name for joint in joints if joint.is_gripper)


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path).expanduser()
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise EmbodimentError(
                f"embodiment file {path} does not exist: correct the path, or name a shipped robot "
                f"({', '.join(shipped_embodiments())})"
            )
        return path.absolute()
    shipped = shipped_embodiments()
    if str(name_or_path) not in shipped:
        raise EmbodimentError(
            f"unknown embodiment {str(name_or_path)!r}: expected {', '.join(shipped)}, or the path of a .yaml file"
        )
    return share_folder() / "config" / "embodiments" / f"{name_or_path}.yaml"


def _find_urdf(embodiment: Path, name: str) -> Path:
    """Return a lab's own URDF next to its embodiment file, else the bundled one."""
    candidates = [embodiment.parent / name, embodiment.parent.parent.parent / "urdf" / name]
    candidates.append(share_folder() / "urdf" / name)
    return next((path for path in candidates if path.is_file()), candidates[0])


def _unique(names: list[str], where: str) -> tuple[str, ...]:
    for name in names:
        if names.count(name) > 1:
            raise EmbodimentError(f"{where}: {name!r} stands there more than once")
    return tuple(names)


def validate_driver(robot: Embodiment, driver: Driver) -> None:
    """Check that every group's interface can carry its joints.

    Raises:
        EmbodimentError: an arm joint behind an interface that is sent goals, or one of a single gripper for two joints.
    """
    grippers = {joint.name for joint in robot.joints if joint.is_gripper}
    for group in driver.groups:
        arm = [joint for joint in group.joints if joint not in grippers]
        if arm and group.interface in (FORWARD_COMMANDS, *MESSAGE_PACKAGES):
            raise EmbodimentError(
                f"driver '{driver.name}' moves {', '.join(arm)} by {group.interface}, which carries neither time "
                "nor brake: use joint_trajectory for arm joints, or streamed_commands for a forward controller"
            )
        if group.interface in MESSAGE_PACKAGES and len(group.joints) != 1:
            raise EmbodimentError(
                f"driver '{driver.name}' gives {', '.join(group.joints)} one {group.interface}: "
                "expected one group for each gripper"
            )


def default_driver(robot: Embodiment, *, sim: bool) -> str:
    """Return the first driver profile; in simulation the first that common_interfaces suffices for."""
    profiles = list(robot.drivers.values())
    plain = [profile for profile in profiles if not profile.extra_messages]
    return (plain if sim and plain else profiles)[0].name
