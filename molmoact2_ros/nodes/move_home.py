# SPDX-License-Identifier: Apache-2.0
"""A move home, as the task node asks for it and sees it arrive.

    in   robot_state    RobotState    reliable 1; only while the robot moves home

Services that it calls:
    interpolator/home    std_srvs/Trigger
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from rclpy.subscription import Subscription
from rclpy.task import Future
from std_srvs.srv import Trigger

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interpolation import rests_at_home
from molmoact2_ros.msg import RobotState
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import robot_state_from_msg
from molmoact2_ros.ros.lifecycle import Molmoact2Node

ANSWER_S = 5.0  # how long the interpolator may take to answer
ARRIVAL_S = 60.0  # a move home that takes longer is not one


class MoveHome:
    """One move at a time; `begin` hands in what is called once, when it ends: empty, or why it did not arrive."""

    def __init__(self, node: Molmoact2Node[Any], robot: Embodiment) -> None:
        """Ask for nothing yet."""
        self._node = node
        self._rests_at_home = functools.partial(rests_at_home, robot)
        self._client = node.client(Trigger, "interpolator/home")
        self._states: Subscription | None = None
        self._then: Callable[[str], None] | None = None
        self._until_s = 0.0
        node.owned.callback(self.forget)

    @property
    def is_offered(self) -> bool:
        """Whether the interpolator can be asked."""
        return bool(self._client.service_is_ready())

    def begin(self, then: Callable[[str], None]) -> None:
        """Ask the interpolator to move home."""
        self.forget()
        self._then, self._until_s = then, self._node.steady_now_s() + ANSWER_S
        answer: Future = self._client.call_async(Trigger.Request())
        answer.add_done_callback(functools.partial(self._on_answer, then))

    def forget(self) -> None:
        """Wait for the arrival no longer."""
        self._then = None
        if self._states is not None:
            self._node.unsubscribe(self._states)
            self._states = None

    def tick(self) -> None:
        """Give up a move that takes too long."""
        if self._then is not None and self._node.steady_now_s() > self._until_s:
            self._ended("the robot has not arrived at its home pose in time")

    def _on_answer(self, then: Callable[[str], None], answer: Future) -> None:
        reply = answer.result()
        if then is not self._then or reply is None:
            return
        if not reply.success:
            self._ended(reply.message)
            return
        self._until_s = self._node.steady_now_s() + ARRIVAL_S
        self._states = self._node.subscription(RobotState, "robot_state", self._on_robot_state, qos.STATE)

    def _on_robot_state(self, message: RobotState) -> None:
        if self._then is not None and self._rests_at_home(robot_state_from_msg(message)):
            self._ended("")

    def _ended(self, problem: str) -> None:
        then = self._then
        self.forget()
        if then is not None:
            then(problem)
