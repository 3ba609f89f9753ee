# SPDX-License-Identifier: Apache-2.0
"""The instruction in force, as the task node gives it to the policy.

    out  task/instruction    Instruction    reliable, transient local; on change

Services that it calls:
    policy/check_instruction    Instruct    whether the policy could infer with an instruction
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from rclpy.duration import Duration
from rclpy.task import Future

from molmoact2_ros.msg import Instruction
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import to_stamp
from molmoact2_ros.ros.lifecycle import Molmoact2Node
from molmoact2_ros.srv import Instruct

ANSWER_S = 5.0  # how long the policy may take to check an instruction: its callbacks wait for nothing
NO_POLICY = "no policy offers ~/check_instruction: is it running, and configured?"


@dataclass(frozen=True)
class _Check:
    """A question to the policy that is not answered yet."""

    until_s: float
    request: Future
    answer: Future


class Instructions:
    """Publish instructions, number them, have them checked. Everything runs in the executor's thread.

    Attributes:
        text: in force; empty: none.
        sequence: of the newest Instruction that was published; 0: none yet.
    """

    def __init__(self, node: Molmoact2Node[Any]) -> None:
        """Publish nothing yet: the policy goes on with what it has."""
        self._node = node
        self.text, self.sequence = "", 0
        # Two instances of the task node share no number: a chunk of the one before is never taken for one of this one.
        self._next_sequence = secrets.randbits(31) + 1
        self._checks: list[_Check] = []
        self._publisher = node.publisher(Instruction, "task/instruction", qos.LATCHED)
        self._client = node.client(Instruct, "policy/check_instruction")
        node.owned.callback(self._close)

    @property
    def policy_answers(self) -> bool:
        """Whether there is a policy that can be asked."""
        return bool(self._client.service_is_ready())

    def check(self, text: str) -> Future:
        """Ask the policy about an instruction; without a policy there is no objection: it checks what it receives.

        Returns:
            Its result will be why the policy could not infer with it, empty if it could; None: the node was cleaned up.
        """
        answer = Future()
        if not text.strip():
            answer.set_result("the instruction is empty: say what the robot is to do")
        elif not self.policy_answers:
            answer.set_result("")
        else:
            request = self._client.call_async(Instruct.Request(instruction=text))
            self._checks.append(check := _Check(self._node.steady_now_s() + ANSWER_S, request, answer))
            request.add_done_callback(lambda reply: self._answer(check, str(reply.result().message)))
        return answer

    def tick(self) -> None:
        """Give up answers that do not come."""
        for check in [*self._checks]:
            if self._node.steady_now_s() > check.until_s:
                self._client.remove_pending_request(check.request)
                self._answer(check, f"the policy did not answer within {ANSWER_S:.0f} s: does it hang?")

    def give(self, text: str) -> None:
        """Put an instruction in force; it must have been checked."""
        self._publish(text)

    def withdraw(self) -> None:
        """Leave the policy without an instruction; the interpolator brings the robot to rest."""
        self._publish("")

    def flush(self, seconds: float) -> None:
        """Wait until what was published is received, at most so long."""
        self._publisher.wait_for_all_acked(Duration(seconds=seconds))

    def _close(self) -> None:
        for check in self._checks:
            check.answer.set_result(None)
        self._checks = []

    def _answer(self, check: _Check, problem: str) -> None:
        if check in self._checks:
            self._checks.remove(check)
            check.answer.set_result(problem)

    def _publish(self, text: str) -> None:
        self.text, self.sequence = text, self._next_sequence
        self._next_sequence += 1
        stamp = to_stamp(self._node.ros_now_ns())
        self._publisher.publish(Instruction(stamp=stamp, sequence=self.sequence, text=text))
