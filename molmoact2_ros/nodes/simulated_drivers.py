# SPDX-License-Identifier: Apache-2.0
"""The topics of a robot's drivers, with a simulation behind them: states out, commands in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg

from molmoact2_ros.embodiment import (
    GRIPPER_ACTIONS,
    I2RT_GRIPPER,
    JOINT_TRAJECTORY,
    STREAMED_TRAJECTORY,
    Driver,
    Embodiment,
)
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.lifecycle import Molmoact2Node
from molmoact2_ros.ros.simulator_conversions import joint_state_to_msg, trajectory_from_msg
from molmoact2_ros.sim import (
    CommandRefused,
    FaultyJointStates,
    InjectedFault,
    JointTrajectory,
    Simulation,
    SimulationError,
)
from molmoact2_ros.sim.faults import CONTROLLER_IGNORES
from molmoact2_ros.timing import VariableRateLimiter

from .simulated_faults import SimulatedFaults

DRIVER_DEPTH = 10  # queue of the real broadcasters


class SimulatedDrivers:
    """Publishers and subscriptions of one driver profile. All calls come from the node's executor thread."""

    def __init__(
        self,
        node: Molmoact2Node[Any],
        embodiment: Embodiment,
        driver: Driver,
        simulation: Simulation,
        catch_up: Callable[[], None],
        *,
        arm_rate_hz: float,
        gripper_rate_hz: float,
    ) -> None:
        """Open the topics.

        Args:
            node: owns them.
            embodiment: which joints are arms and which are grippers.
            driver: the profile of the simulation.
            simulation: the robot.
            catch_up: brings the simulation to the present, before a command is taken.
            arm_rate_hz: rate of each state topic that carries an arm joint.
            gripper_rate_hz: rate of the others.

        Raises:
            SimulationError: a group's interface needs messages that are not installed.
        """
        self._node, self._simulation, self._catch_up = node, simulation, catch_up
        self.refused = 0
        self.accepted = 0
        self._faults = SimulatedFaults(node, driver)
        self.inject(InjectedFault())
        grippers = {joint.name for joint in embodiment.joints if joint.is_gripper}
        self._states: dict[str, list[int]] = {}
        self._rates: dict[str, float] = {}
        self._actions: list[Any] = []
        for index, group in enumerate(simulation.groups):
            topic = group.driver.state_topic
            self._states.setdefault(topic, []).append(index)
            rate_hz = gripper_rate_hz if grippers.issuperset(group.driver.joints) else arm_rate_hz
            self._rates[topic] = max(rate_hz, self._rates.get(topic, 0.0))
            self._open_commands(index)
        self._publishers = {topic: node.publisher(JointState, topic, DRIVER_DEPTH) for topic in self._states}
        self._schedules = {topic: VariableRateLimiter() for topic in self._states}

    def inject(self, fault: InjectedFault) -> None:
        """Report states and faults, and obey commands, as drivers would that have this fault.

        Raises:
            SimulationError: a fault that the driver profile has no means to report.
        """
        self._faults.report(fault.fault)
        self._faulty = FaultyJointStates(fault)
        self._simulation.ignores_commands = fault.kind == CONTROLLER_IGNORES

    def shift(self, ns: int) -> None:
        """Follow a clock that was set forward or back."""
        self._faults.shift(ns)
        for schedule in self._schedules.values():
            schedule.shift(ns)

    def publish_due(self) -> None:
        """Publish every state that is due at the simulation's time."""
        for action in self._actions:
            action.tick()
        now_ns = self._simulation.time_ns
        self._faults.publish_due(now_ns)
        for topic, groups in self._states.items():
            if self._schedules[topic].due(now_ns, self._rates[topic]):
                states = self._faulty.apply(topic, [self._simulation.state(group) for group in groups])
                if states is not None:
                    self._publishers[topic].publish(joint_state_to_msg(states, now_ns))

    def _open_commands(self, index: int) -> None:
        driver = self._simulation.groups[index].driver
        if driver.interface == I2RT_GRIPPER:
            raise SimulationError(
                f"{driver.command_topic} is a topic of i2rt_msgs, which the simulator does not speak; choose a driver "
                "profile that commands the gripper by another interface"
            )
        if driver.interface in GRIPPER_ACTIONS:
            self._actions.append(self._open_gripper_action(index))
        elif driver.interface in (JOINT_TRAJECTORY, STREAMED_TRAJECTORY):
            self._subscribe(JointTrajectoryMsg, index, trajectory_from_msg)
        else:
            self._subscribe(Float64MultiArray, index, lambda message: np.array(message.data, dtype=np.float64))

    def _subscribe(self, kind: type, index: int, unpack: Callable[..., JointTrajectory | np.ndarray]) -> None:
        topic = self._simulation.groups[index].driver.command_topic
        self._node.subscription(kind, topic, lambda message: self._on_command(index, message, unpack), qos.CONTROLLER)

    def _on_command(self, index: int, message: object, unpack: Callable[..., JointTrajectory | np.ndarray]) -> None:
        self._catch_up()
        try:
            self._simulation.command(index, unpack(message))
            self.accepted += 1
        except CommandRefused as refusal:
            self.refused += 1
            topic = self._simulation.groups[index].driver.command_topic
            self._node.get_logger().error(f"{topic}: refused: {refusal}", throttle_duration_sec=1.0)

    def _open_gripper_action(self, index: int) -> Any:
        try:
            from .gripper_action import GripperAction
        except ImportError as error:
            group = self._simulation.groups[index].driver
            raise SimulationError(
                f"{group.command_topic} is an action of control_msgs, which is not installed; install "
                "ros-jazzy-control-msgs, or choose a driver profile that commands the gripper by topic"
            ) from error
        return GripperAction(self._node, self._simulation, index, self._catch_up)
