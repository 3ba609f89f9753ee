# SPDX-License-Identifier: Apache-2.0
"""The controllers that the bridge speaks to, one class per interface: convert, send, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from builtin_interfaces.msg import Duration
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from molmoact2_ros.bridge import GripperGoal, TrajectoryCommand
from molmoact2_ros.embodiment import Embodiment, JointCommand

from . import qos
from .messages import NS_PER_S, to_array, to_stamp


class ControllerOutput(Protocol):
    """One controller. `topic` is what it listens to, resolved; empty for an action."""

    topic: str

    def send(self, command: JointCommand, steady_ns: int) -> None:
        """Send what the controller needs of a command."""

    def listens(self) -> bool:
        """Tell whether the controller is there."""

    def destroy(self) -> None:
        """Release the ROS entities."""


class TrajectoryOutput:
    """A joint trajectory controller.

    The trajectory is stamped with the command's start. The controller samples a trajectory by time: of one whose start
    is past it plays the rest, without a step as long as successive commands agree, which safety checks. (Stamp zero
    would mean "from now on" and let transport delays add up.) Only where the start is still ahead it first leads the
    robot from where it is to point 0; `interpolate_from_desired_state: true` in its configuration lets that begin at
    its set point rather than at the measured pose.
    """

    def __init__(self, node: Node, topic: str, command: TrajectoryCommand) -> None:
        self._node = node
        self._command = command
        self._publisher = node.create_publisher(JointTrajectory, topic, qos.CONTROLLER)
        self.topic = self._publisher.topic_name

    def send(self, command: JointCommand, steady_ns: int) -> None:  # noqa: ARG002
        """Send all points of the command."""
        points = self._command.points(command)
        message = JointTrajectory(joint_names=self._command.names)
        message.header.stamp = to_stamp(command.start_ns)
        message.points = [
            JointTrajectoryPoint(
                positions=to_array("d", positions),
                velocities=to_array("d", velocities),
                time_from_start=Duration(sec=int(time_ns // NS_PER_S), nanosec=int(time_ns % NS_PER_S)),
            )
            for time_ns, positions, velocities in zip(points.times_ns, points.positions, points.velocities, strict=True)
        ]
        self._publisher.publish(message)

    def listens(self) -> bool:
        """Tell whether somebody subscribes."""
        return self._publisher.get_subscription_count() > 0

    def destroy(self) -> None:
        """Release the publisher."""
        self._node.destroy_publisher(self._publisher)


class ForwardOutput:
    """A forward command controller that moves a gripper."""

    def __init__(self, node: Node, topic: str, goal: GripperGoal) -> None:
        self._node = node
        self._goal = goal
        self._publisher = node.create_publisher(Float64MultiArray, topic, qos.CONTROLLER)
        self.topic = self._publisher.topic_name

    def send(self, command: JointCommand, steady_ns: int) -> None:
        """Send the gripper's goal if it is due."""
        goal = self._goal.goal(command, steady_ns)
        if goal is not None:
            self._publisher.publish(Float64MultiArray(data=to_array("d", goal)))

    def listens(self) -> bool:
        """Tell whether somebody subscribes."""
        return self._publisher.get_subscription_count() > 0

    def destroy(self) -> None:
        """Release the publisher."""
        self._node.destroy_publisher(self._publisher)


class ParallelGripperOutput:
    """A parallel gripper action server. A goal replaces the one before it; results are not waited for."""

    topic = ""

    def __init__(
        self, client: Any, make_goal: Callable[[], Any], goal: GripperGoal, warn: Callable[[str], Any]
    ) -> None:
        """Use an rclpy ActionClient, a maker of its empty goals, and a function that reports refused goals."""
        self._client = client
        self._make_goal = make_goal
        self._goal = goal
        self._warn = warn

    def send(self, command: JointCommand, steady_ns: int) -> None:
        """Send the gripper's goal if it is due and the server is there."""
        if not self._client.server_is_ready():
            return
        position = self._goal.goal(command, steady_ns)
        if position is not None:
            message = self._make_goal()
            message.command.name = self._goal.names
            message.command.position = to_array("d", position)
            self._client.send_goal_async(message).add_done_callback(self._on_answer)

    def listens(self) -> bool:
        """Tell whether the action server is there."""
        return bool(self._client.server_is_ready())

    def destroy(self) -> None:
        """Release the client."""
        self._client.destroy()

    def _on_answer(self, future: Any) -> None:
        if not future.result().accepted:
            self._warn(f"the gripper's action server refused the goal for {', '.join(self._goal.names)}")


def parallel_gripper_type(robot: Embodiment, driver: str) -> Any:
    """Import the action type.

    Raises:
        ValueError: control_msgs is not installed; names the package and the profiles that do without.
    """
    try:
        from control_msgs.action import ParallelGripperCommand
    except ImportError as error:
        others = [name for name, profile in robot.drivers.items() if not profile.needs_control_msgs]
        remedy = f", or choose driver {' or '.join(others)}" if others else ""
        raise ValueError(
            f"driver '{driver}' commands its gripper by an action of control_msgs, which is not installed: "
            f"install ros-jazzy-control-msgs{remedy}"
        ) from error
    return ParallelGripperCommand
