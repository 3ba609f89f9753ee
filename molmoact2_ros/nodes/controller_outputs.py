# SPDX-License-Identifier: Apache-2.0
"""The controllers that the bridge speaks to, one class per interface: convert, send, nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from numpy.typing import NDArray
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from molmoact2_ros.bridge import GripperGoal, Setpoints, TrajectoryCommand
from molmoact2_ros.embodiment import (
    FORWARD_COMMANDS,
    MESSAGE_PACKAGES,
    PARALLEL_GRIPPER,
    STREAMED_TRAJECTORY,
    DriverGroup,
    Embodiment,
)
from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import to_array, to_stamp
from molmoact2_ros.ros.lifecycle import Molmoact2Node
from molmoact2_ros.timing import NS_PER_S

Vector = NDArray[np.float64]


class ControllerOutput(ABC):
    """One controller. `topic` is what it subscribes to, resolved; empty for an action."""

    topic: str

    @abstractmethod
    def send(self, command: JointCommand, steady_ns: int) -> None:
        """Send what the controller needs of a command."""

    @abstractmethod
    def listens(self) -> bool:
        """Return whether the controller is there."""

    def interrupted_s(self, steady_ns: int) -> float:  # noqa: ARG002
        """Return for how long a running motion has lacked what it needs, s; 0 where the controller has all of it."""
        return 0.0

    def end(self) -> None:  # noqa: B027  # there is nothing to end where the controller has all of it
        """Send nothing more of the commands so far."""


class TrajectoryOutput(ControllerOutput):
    """A joint trajectory controller.

    The trajectory is stamped with the command's start. The controller samples a trajectory by time: of one whose start
    is past it plays the rest, without a step as long as successive commands agree, which safety checks. (Stamp zero
    would mean "from now on" and let transport delays add up.) Only where the start is still ahead it first leads the
    robot from where it is to point 0; `interpolate_from_desired_state: true` in its configuration lets that begin at
    its setpoint rather than at the measured pose.
    """

    def __init__(self, node: Molmoact2Node[Any], topic: str, command: TrajectoryCommand) -> None:
        self._command = command
        self._publisher = node.publisher(JointTrajectory, topic, qos.CONTROLLER)
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
        """Return whether a node subscribes."""
        return self._publisher.get_subscription_count() > 0


class StreamOutput(ControllerOutput):
    """A controller that goes to whatever came last: it gets the setpoint of the moment, at a steady rate.

    The stream ends with the command, at rest. What it cannot do is brake when this process dies: the controller then
    stays at the last setpoint, and the robot comes to it as hard as its servos pull. When this process runs again
    after a while, the rest of the motion would come as one step: `watch` is called before each setpoint, and ends the
    stream then.
    """

    def __init__(
        self,
        node: Molmoact2Node[Any],
        group: DriverGroup,
        points: Setpoints,
        watch: Callable[[int], None],
        steady: Callable[[], int] | None = None,
    ) -> None:
        self._node = node
        self._steady = steady or node.steady_now_ns
        self._points = points
        self._watch = watch
        trajectory = group.interface == STREAMED_TRAJECTORY
        self._pack = self._one_point if trajectory else _array
        kind = JointTrajectory if trajectory else Float64MultiArray
        self._publisher = node.publisher(kind, group.command_topic, qos.CONTROLLER)
        self.topic = self._publisher.topic_name
        # Simulated time may stand still, and the robot still needs its setpoints.
        node.steady_timer(points.period_ns / NS_PER_S, self._stream)

    def send(self, command: JointCommand, steady_ns: int) -> None:
        """Let the stream go on with this command."""
        self._points.take(command, self._node.ros_now_ns(), steady_ns)

    def interrupted_s(self, steady_ns: int) -> float:
        """Return for how long a running motion has had no setpoint, s; 0 while no more than two were missed."""
        return self._points.interrupted_s(steady_ns)

    def end(self) -> None:
        """Send no further setpoint of the commands so far."""
        self._points.end()

    def listens(self) -> bool:
        """Return whether a node subscribes."""
        return self._publisher.get_subscription_count() > 0

    def _stream(self) -> None:
        steady_ns = self._steady()
        self._watch(steady_ns)
        point = self._points.at(steady_ns)
        if point is not None:
            self._publisher.publish(self._pack(point))

    def _one_point(self, positions: Vector) -> JointTrajectory:
        """Pack a trajectory that begins on arrival and is there a period later."""
        point = JointTrajectoryPoint(positions=to_array("d", positions))
        point.time_from_start = Duration(sec=0, nanosec=self._points.period_ns)
        return JointTrajectory(joint_names=self._points.names, points=[point])


class GripperTopicOutput(ControllerOutput):
    """A gripper that takes goals from a topic: a forward command controller, or a driver's own kind."""

    def __init__(
        self, node: Molmoact2Node[Any], kind: Any, topic: str, pack: Callable[[Vector], Any], goal: GripperGoal
    ) -> None:
        """Publish messages of a kind, which `pack` makes of positions."""
        self._goal = goal
        self._pack = pack
        self._publisher = node.publisher(kind, topic, qos.CONTROLLER)
        self.topic = self._publisher.topic_name

    def send(self, command: JointCommand, steady_ns: int) -> None:
        """Send the gripper's goal if it is due."""
        goal = self._goal.goal(command, steady_ns)
        if goal is not None:
            self._publisher.publish(self._pack(goal))

    def listens(self) -> bool:
        """Return whether a node subscribes."""
        return self._publisher.get_subscription_count() > 0


class GripperActionOutput(ControllerOutput):
    """A gripper's action server. A goal replaces the one before it; results are not waited for."""

    topic = ""

    def __init__(
        self, client: Any, make_goal: Callable[[list[str], Vector], Any], goal: GripperGoal, warn: Callable[[str], Any]
    ) -> None:
        """Use an rclpy ActionClient, a maker of goals from names and positions, and what reports refused ones."""
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
            message = self._make_goal(self._goal.names, position)
            self._client.send_goal_async(message).add_done_callback(self._on_answer)

    def listens(self) -> bool:
        """Return whether the action server is there."""
        return bool(self._client.server_is_ready())

    def _on_answer(self, future: Any) -> None:
        if not future.result().accepted:
            self._warn(f"the gripper's action server refused the goal for {', '.join(self._goal.names)}")


def gripper_action(
    robot: Embodiment, driver: str, group: DriverGroup
) -> tuple[Any, Callable[[list[str], Vector], Any]]:
    """Import an action type; return it with the maker of its goals.

    Raises:
        ValueError: control_msgs is not installed; names the package and the profiles that do without.
    """
    try:
        from control_msgs.action import GripperCommand, ParallelGripperCommand
    except ImportError as error:
        raise _missing(robot, driver, "an action of control_msgs", "ros-jazzy-control-msgs") from error
    if group.interface == PARALLEL_GRIPPER:
        return ParallelGripperCommand, partial(parallel_goal, ParallelGripperCommand.Goal)
    return GripperCommand, partial(single_goal, GripperCommand.Goal, group.max_effort_n)


def gripper_topic(robot: Embodiment, driver: str, interface: str) -> tuple[Any, Callable[[Vector], Any]]:
    """Return the message of a topic for goals, and what makes one of positions.

    Raises:
        ValueError: its package is not installed; names the package and the profiles that do without.
    """
    if interface == FORWARD_COMMANDS:
        return Float64MultiArray, _array
    try:
        # By name: the package comes with its driver, not from an index.
        kind = import_module(f"{MESSAGE_PACKAGES[interface]}.msg").GripperCommand
    except ImportError as error:
        raise _missing(robot, driver, "a message of i2rt_msgs", "the driver's own workspace") from error
    return kind, partial(i2rt_goal, kind)


def _missing(robot: Embodiment, driver: str, what: str, package: str) -> ValueError:
    others = [name for name, profile in robot.drivers.items() if not profile.extra_messages]
    remedy = f", or choose driver {' or '.join(others)}" if others else ""
    return ValueError(
        f"driver '{driver}' commands its gripper by {what}, which is not installed: install {package}{remedy}"
    )


def i2rt_goal(make: Callable[[], Any], position: Vector) -> Any:
    """Fill i2rt_msgs/GripperCommand: position control, at once."""
    message = make()
    message.position = float(position[0])
    return message


def parallel_goal(make: Callable[[], Any], names: list[str], position: Vector) -> Any:
    """Fill a goal of ParallelGripperCommand: a JointState."""
    goal = make()
    goal.command.name = names
    goal.command.position = to_array("d", position)
    return goal


def single_goal(make: Callable[[], Any], max_effort_n: float, names: list[str], position: Vector) -> Any:  # noqa: ARG001
    """Fill a goal of GripperCommand: one number, and a force."""
    goal = make()
    goal.command.max_effort = max_effort_n
    goal.command.position = float(position[0])
    return goal


def _array(values: Vector) -> Float64MultiArray:
    return Float64MultiArray(data=to_array("d", values))
