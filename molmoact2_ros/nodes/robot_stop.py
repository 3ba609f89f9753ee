# SPDX-License-Identifier: Apache-2.0
"""The robot's own stop, asked for when ours cannot be proven: a service of its driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.task import Future
from std_srvs.srv import Trigger

from molmoact2_ros.ros.lifecycle import Molmoact2Node


class RobotStop:
    """Call the service once for every stop that is overdue, and say what it answered."""

    def __init__(self, node: Molmoact2Node[Any], service: str, report: Callable[[str], None]) -> None:
        """Prepare.

        Args:
            node: makes the client.
            service: name of a std_srvs/Trigger service; empty: the robot has none.
            report: takes one sentence, as soon as there is an answer.
        """
        self._service = service
        self._report = report
        self._asked = False
        self._client = node.client(Trigger, service) if service else None

    def update(self, overdue: bool) -> None:
        """Ask if a stop has just become overdue."""
        if overdue and not self._asked:
            self._ask()
        self._asked = overdue

    def _ask(self) -> None:
        if self._client is None:
            return
        if not self._client.service_is_ready():
            self._report(f"the robot's own stop ({self._service}) is not there")
            return
        self._report(f"the robot's own stop ({self._service}) has been called")
        self._client.call_async(Trigger.Request()).add_done_callback(self._on_answer)

    def _on_answer(self, future: Future) -> None:
        reply = future.result()
        answer = "done" if reply.success else "refused"
        self._report(f"the robot's own stop ({self._service}) answered: {answer}, {reply.message or 'no text'}")
