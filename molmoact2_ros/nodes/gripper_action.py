# SPDX-License-Identifier: Apache-2.0
"""The actions of gripper controllers, the parallel and the older one, with a simulated gripper behind them.

Needs control_msgs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from control_msgs.action import GripperCommand, ParallelGripperCommand
from rclpy.action import ActionServer, CancelResponse
from rclpy.task import Future
from sensor_msgs.msg import JointState

from molmoact2_ros.embodiment import PARALLEL_GRIPPER
from molmoact2_ros.ros.lifecycle import Molmoact2Node
from molmoact2_ros.sim import CommandRefused, Simulation

# ros2_robotiq_gripper's controller configuration: 0.02 rad and 0.001 rad/s, as parts of its stroke of 0.7929 rad.
GOAL_TOLERANCE = 0.025
STALL_VELOCITY = 0.00126
STALL_TIMEOUT_NS = 50_000_000


class GripperAction:
    """One goal at a time; a new one preempts it. A stall counts as success, as with allow_stalling."""

    def __init__(
        self, node: Molmoact2Node[Any], simulation: Simulation, group: int, catch_up: Callable[[], None]
    ) -> None:
        """Open the action server.

        Args:
            node: owns it.
            simulation: the robot.
            group: index of the gripper's group.
            catch_up: brings the simulation to the present, before a goal is taken.
        """
        self._node, self._simulation, self._group, self._catch_up = node, simulation, group, catch_up
        self._done: Future | None = None  # of the running goal
        self._goal: Any = None
        self._moved_ns = 0
        self._target = np.zeros(0)
        driver = simulation.groups[group].driver
        self._stroke = float(np.abs(driver.unit.scale).max())
        self._action = ParallelGripperCommand if driver.interface == PARALLEL_GRIPPER else GripperCommand
        server = ActionServer(
            node, self._action, driver.command_topic, self._execute,
            cancel_callback=lambda _goal: CancelResponse.ACCEPT,
        )  # fmt: skip
        node.owned.callback(server.destroy)

    def tick(self) -> None:
        """Finish the running goal when the gripper has arrived or stalled, or the client no longer wants it."""
        if self._done is None:
            return
        state = self._simulation.state(self._group)
        if self._goal.is_cancel_requested:
            self._simulation.command(self._group, state.positions)
            self._finish("cancelled")
            return
        if np.abs(self._simulation.velocities(self._group)).max() > STALL_VELOCITY * self._stroke:
            self._moved_ns = self._simulation.time_ns
        reached = bool(np.abs(state.positions - self._target).max() < GOAL_TOLERANCE * self._stroke)
        if reached or self._simulation.time_ns - self._moved_ns > STALL_TIMEOUT_NS:
            self._finish("reached" if reached else "stalled")

    async def _execute(self, goal: Any) -> Any:
        self._finish("preempted")
        try:
            self._catch_up()
            self._target = np.atleast_1d(np.array(goal.request.command.position, dtype=np.float64))
            self._simulation.command(self._group, self._target)
        except CommandRefused as refusal:
            self._node.get_logger().error(f"gripper goal refused: {refusal}")
            goal.abort()
            return self._action.Result()
        self._moved_ns = self._simulation.time_ns
        self._goal, self._done = goal, Future()
        outcome = await self._done
        if outcome == "cancelled":
            goal.canceled()
        elif outcome == "preempted":
            goal.abort()
        else:
            goal.succeed()
        return self._result(outcome)

    def _finish(self, outcome: str) -> None:
        done, self._done = self._done, None
        if done is not None:
            done.set_result(outcome)

    def _result(self, outcome: str) -> Any:
        state = self._simulation.state(self._group)
        result = self._action.Result(stalled=outcome == "stalled", reached_goal=outcome == "reached")
        if self._action is ParallelGripperCommand:
            result.state = JointState(name=list(state.names), position=state.positions.tolist())
        else:
            result.position = float(state.positions[0])
        return result
