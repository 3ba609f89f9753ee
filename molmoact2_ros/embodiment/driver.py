# SPDX-License-Identifier: Apache-2.0
"""How a robot's drivers name, scale and carry its joints: what the bridge must speak."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.schema import Section

from .affine import Affine
from .errors import EmbodimentError
from .fault_source import FaultSource

# A controller that plays a trajectory is sent all of it.
JOINT_TRAJECTORY = "joint_trajectory"  # trajectory_msgs/JointTrajectory to a joint trajectory controller
# A controller that goes to whatever came last, at once, is sent a stream of setpoints.
STREAMED_TRAJECTORY = "streamed_trajectory"  # trajectory_msgs/JointTrajectory of one point, without a stamp
STREAMED_COMMANDS = "streamed_commands"  # std_msgs/Float64MultiArray to a forward command controller
# A gripper that moves at its own speed is sent goals.
FORWARD_COMMANDS = "forward_commands"  # std_msgs/Float64MultiArray to a forward command controller
PARALLEL_GRIPPER = "parallel_gripper"  # control_msgs/action/ParallelGripperCommand
GRIPPER_COMMAND = "gripper_command"  # control_msgs/action/GripperCommand, the older one
I2RT_GRIPPER = "i2rt_gripper"  # i2rt_msgs/GripperCommand to i2rt_ros2_jazzy

STREAMS = (STREAMED_TRAJECTORY, STREAMED_COMMANDS)
GRIPPER_ACTIONS = (PARALLEL_GRIPPER, GRIPPER_COMMAND)
INTERFACES = (JOINT_TRAJECTORY, *STREAMS, FORWARD_COMMANDS, *GRIPPER_ACTIONS, I2RT_GRIPPER)
# What an interface needs beyond common_interfaces.
MESSAGE_PACKAGES = {PARALLEL_GRIPPER: "control_msgs", GRIPPER_COMMAND: "control_msgs", I2RT_GRIPPER: "i2rt_msgs"}

REPORTED, DIFFERENCES = "reported", "differences"


@dataclass(frozen=True)
class DriverGroup:
    """Joints that one controller moves and one joint_states topic reports.

    `joints` maps this package's joint names to the driver's, in the controller's order; `unit` converts vectors in that
    order to the driver's units (outside); `state_topic` carries sensor_msgs/JointState; `command_topic` is a topic or
    an action name; `velocity` says whether the driver's velocities serve, or differences of its positions must;
    `other_command_unit` is that of commands, where the driver takes another unit than it reports; `max_effort_n` is the
    force that a gripper_command asks for, 0 where the driver knows better.
    """

    joints: dict[str, str]
    unit: Affine
    state_topic: str
    interface: str
    command_topic: str
    velocity: str = REPORTED
    other_command_unit: Affine | None = None
    max_effort_n: float = 0.0

    @property
    def command_unit(self) -> Affine:
        """Conversion of what the controller is sent."""
        return self.other_command_unit or self.unit

    @classmethod
    def read(cls, section: Section) -> DriverGroup:
        """Read one entry of a driver's `groups`; raise EmbodimentError if it cannot be used.

        `unit` is that of all joints but those which have one of their own in `joint_units`.
        """
        joints = section.texts("joints")
        group = cls(
            joints=joints,
            unit=_read_unit(section, joints),
            state_topic=section.text("state_topic"),
            interface=section.choice("interface", INTERFACES),
            command_topic=section.text("command_topic"),
            velocity=section.choice("velocity", (REPORTED, DIFFERENCES), REPORTED),
            other_command_unit=_read_affine(section.section("command_unit")) if "command_unit" in section else None,
            max_effort_n=section.number("max_effort_n", 0.0),
        )
        section.finish()
        return group


def _read_unit(section: Section, joints: dict[str, str]) -> Affine:
    common = _read_affine(section.section("unit"))
    own = {name: _read_affine(unit) for name, unit in section.named_sections("joint_units", {}).items()}
    for name in own:
        if name not in joints:
            raise EmbodimentError(
                f"{section.where}.joint_units: {name!r} is no joint of the group ({', '.join(joints)})"
            )
    return Affine.of_joints(own.get(name, common) for name in joints) if own else common


def _read_affine(section: Section) -> Affine:
    unit = Affine.read(section)
    section.finish()
    return unit


@dataclass(frozen=True)
class Driver:
    """One way a lab runs the robot: all its controllers.

    `stop_service` is a std_srvs/Trigger service with which the driver stops the robot by its own means; empty: none.
    `faults` are where the driver says that the robot is in a fault.
    """

    name: str
    groups: tuple[DriverGroup, ...]
    stop_service: str = ""
    faults: tuple[FaultSource, ...] = ()

    @property
    def extra_messages(self) -> tuple[str, ...]:
        """Packages whose messages the driver's controllers take, beyond common_interfaces."""
        return tuple(
            sorted({MESSAGE_PACKAGES[group.interface] for group in self.groups if group.interface in MESSAGE_PACKAGES})
        )

    @classmethod
    def read(cls, name: str, section: Section, joint_names: tuple[str, ...]) -> Driver:
        """Read one entry of `drivers`.

        Raises:
            EmbodimentError: a joint of the embodiment is in no group or in two, or a group names an unknown one.
        """
        groups = tuple(DriverGroup.read(group) for group in section.sections("groups"))
        stop_service = section.text("stop_service", "")
        faults = tuple(FaultSource.read(source) for source in section.sections("faults", []))
        section.finish()
        named = [joint for group in groups for joint in group.joints]
        if sorted(named) != sorted(joint_names):
            raise EmbodimentError(
                f"{section.where}.groups: expected each of {', '.join(joint_names)} once, got {', '.join(named)}"
            )
        return cls(name, groups, stop_service, faults)
