# SPDX-License-Identifier: Apache-2.0
"""How a robot's drivers name, scale and carry its joints: what the bridge must speak."""

from __future__ import annotations

from dataclasses import dataclass

from .affine import Affine
from .errors import EmbodimentError
from .section import Section

JOINT_TRAJECTORY = "joint_trajectory"  # trajectory_msgs/JointTrajectory to a joint trajectory controller
FORWARD_COMMANDS = "forward_commands"  # std_msgs/Float64MultiArray to a forward command controller
PARALLEL_GRIPPER = "parallel_gripper"  # control_msgs/action/ParallelGripperCommand
INTERFACES = (JOINT_TRAJECTORY, FORWARD_COMMANDS, PARALLEL_GRIPPER)


@dataclass(frozen=True)
class DriverGroup:
    """Joints that one controller moves and one joint_states topic reports.

    `joints` maps this package's joint names to the driver's, in the controller's order; `unit` converts to the driver's
    unit (outside); `state_topic` carries sensor_msgs/JointState; `command_topic` is a topic or an action name.
    """

    joints: dict[str, str]
    unit: Affine
    state_topic: str
    interface: str
    command_topic: str

    @classmethod
    def read(cls, section: Section) -> DriverGroup:
        """Read one entry of a driver's `groups`; raise EmbodimentError if it cannot be used."""
        unit = section.section("unit")
        group = cls(
            joints=section.texts("joints"),
            unit=Affine.read(unit),
            state_topic=section.text("state_topic"),
            interface=section.choice("interface", INTERFACES),
            command_topic=section.text("command_topic"),
        )
        unit.finish()
        section.finish()
        return group


@dataclass(frozen=True)
class Driver:
    """One way a lab runs the robot: all its controllers.

    `stop_service` is a std_srvs/Trigger service with which the driver stops the robot by its own means; empty: none.
    """

    name: str
    groups: tuple[DriverGroup, ...]
    stop_service: str = ""

    @property
    def needs_control_msgs(self) -> bool:
        """Tell whether a group is commanded through an action of control_msgs."""
        return any(group.interface == PARALLEL_GRIPPER for group in self.groups)

    @classmethod
    def read(cls, name: str, section: Section, joint_names: tuple[str, ...]) -> Driver:
        """Read one entry of `drivers`.

        Raises:
            EmbodimentError: a joint of the embodiment is in no group or in two, or a group names an unknown one.
        """
        groups = tuple(DriverGroup.read(group) for group in section.sections("groups"))
        stop_service = section.text("stop_service", "")
        section.finish()
        named = [joint for group in groups for joint in group.joints]
        if sorted(named) != sorted(joint_names):
            raise EmbodimentError(
                f"{section.where}.groups: expected each of {', '.join(joint_names)} once, got {', '.join(named)}"
            )
        return cls(name, groups, stop_service)
