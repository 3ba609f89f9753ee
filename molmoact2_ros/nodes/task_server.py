# SPDX-License-Identifier: Apache-2.0
"""Tasks as an action and as services, in the process that owns the instruction.

    ~/run_task       RunTask        action
    ~/start_task     StartTask      the same as services
    ~/cancel_task    std_srvs/Trigger
    ~/finish_task    std_srvs/Trigger
    ~/task_status    TaskStatus

The rules are in `policy.Task`. However a task ends, the instruction is withdrawn first, and the interpolator is asked
to hold: nothing moves until the next task. If that request is lost, the silence of the policy stops the robot.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.subscription import Subscription
from rclpy.task import Future
from std_srvs.srv import Trigger

from molmoact2_ros.action import RunTask
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interpolation import rests_at_home
from molmoact2_ros.msg import RobotState, SafetyState
from molmoact2_ros.policy.task import Outcome, Phase, SafetyView, Task, TaskRefused, TaskRequest
from molmoact2_ros.srv import StartTask, TaskStatus

from . import qos
from .lifecycle import Molmoact2Node
from .messages import robot_state_from_msg

TICK_HZ = 10.0
SAFETY_TIMEOUT_S = 1.0
HOME_ANSWER_S = 5.0  # how long the interpolator may take to answer
HOME_PATIENCE_S = 60.0  # a move home that takes longer is not one


@dataclass(frozen=True)
class Instructed:
    """The policy, as far as a task needs it.

    Attributes:
        check: raises ValueError if the policy could not infer with an instruction.
        instruct: gives an instruction; raises ValueError as `check`, and the one before stays.
        withdraw: takes it away; nothing is inferred any longer.
    """

    check: Callable[[str], None]
    instruct: Callable[[str], None]
    withdraw: Callable[[], None]


@dataclass
class Freshness:
    """Of the newest chunk: its latency, and when its observation was made on the steady clock."""

    latency_s: float = 0.0
    observed_s: float = 0.0

    def age_s(self) -> float:
        """Return how old the observation is; 0 before the first."""
        return time.monotonic() - self.observed_s if self.observed_s else 0.0


class TaskServer:
    """One task at a time. All methods and callbacks run in the executor's thread."""

    def __init__(self, node: Molmoact2Node[Any], robot: Embodiment, policy: Instructed) -> None:
        """Open action and services."""
        self._node, self._policy = node, policy
        self._rests_at_home = functools.partial(rests_at_home, robot)
        self._task: Task | None = None
        self._ended: Future | None = None  # of the goal that waits for the task
        self._goal: ServerGoalHandle | None = None
        self._fresh = Freshness()
        self._safety, self._safety_mode, self._safety_heard_s = SafetyView(), 0, -SAFETY_TIMEOUT_S
        self._home_until_s = 0.0
        self._states: Subscription | None = None  # only while the robot moves home
        node.subscription(SafetyState, "safety_state", self._on_safety, qos.LATCHED)
        self._clients = {name: node.client(Trigger, f"interpolator/{name}") for name in ("home", "hold")}
        node.service(StartTask, "~/start_task", self._on_start)
        node.service(Trigger, "~/cancel_task", self._answers("cancelled by a service call", Task.cancel))
        node.service(Trigger, "~/finish_task", self._answers("", lambda task, _, now: task.finish(now)))
        node.service(TaskStatus, "~/task_status", self._on_status)
        action = ActionServer(
            node,
            RunTask,
            "~/run_task",
            execute_callback=self._execute,
            goal_callback=lambda _: GoalResponse.ACCEPT,  # a refusal could not say why: the result does
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        node.owned.callback(action.destroy)
        node.owned.callback(self._close)
        node.steady_timer(1.0 / TICK_HZ, self._tick)

    def _close(self) -> None:
        """End what runs."""
        self._end(lambda task: task.cancel("the policy node was shut down", time.monotonic()))

    def published(self, latency_s: float) -> None:
        """Note a chunk that was published."""
        self._fresh = Freshness(latency_s, time.monotonic() - latency_s)
        if self._task is not None and self._task.phase is Phase.RUNNING:
            self._task.published()

    def overruled(self, text: str) -> None:
        """Another instruction came from elsewhere: the task is over, the new instruction stays."""
        self._end(lambda task: task.cancel(f"another instruction came: {text!r}", time.monotonic()), keeps_moving=True)

    # What is asked for.

    def _on_start(self, request: StartTask.Request, response: StartTask.Response) -> StartTask.Response:
        try:
            self._start(TaskRequest(request.instruction, request.time_limit_s, request.home_first))
        except TaskRefused as refusal:
            response.message = str(refusal)
        else:
            response.success, response.message = True, "begun; ask ~/task_status how it goes"
        return response

    async def _execute(self, goal: ServerGoalHandle) -> RunTask.Result:
        asked = goal.request
        try:
            self._start(TaskRequest(asked.instruction, asked.time_limit_s, asked.home_first))
        except TaskRefused as refusal:
            goal.abort()
            return RunTask.Result(outcome=RunTask.Result.REFUSED, text=str(refusal))
        self._goal, self._ended = goal, Future()
        task: Task = await self._ended
        if task.outcome is Outcome.FINISHED:
            goal.succeed()
        elif goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        return RunTask.Result(
            outcome=int(task.outcome),
            cause=task.cause,
            text=task.text,
            duration_s=task.elapsed_s(time.monotonic()),
            chunks=task.chunks,
        )

    def _answers(self, text: str, end: Callable[[Task, str, float], None]) -> Callable[..., Trigger.Response]:
        def answer(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            response.success = self._end(lambda task: end(task, text, time.monotonic()))
            response.message = self._task.text if response.success and self._task else "no task runs"
            return response

        return answer

    def _on_status(self, _: TaskStatus.Request, response: TaskStatus.Response) -> TaskStatus.Response:
        response.safety_mode = self._safety_mode
        if self._task is None:
            return response
        response.phase, response.instruction = int(self._task.phase), self._task.request.instruction
        response.outcome, response.cause, response.text = int(self._task.outcome), self._task.cause, self._task.text
        response.elapsed_s = self._task.elapsed_s(time.monotonic())
        response.chunks = self._task.chunks
        response.latency_s, response.observation_age_s = self._fresh.latency_s, self._fresh.age_s()
        return response

    # How a task goes on.

    def _start(self, request: TaskRequest) -> None:
        if self._task is not None and not self._task.is_over:
            raise TaskRefused(
                f"a task runs already: {self._task.request.instruction!r}; cancel or finish it first (~/cancel_task)"
            )
        task = Task(request, self._view(), time.monotonic())
        try:
            self._policy.check(request.instruction)  # also before a move home
        except ValueError as error:
            raise TaskRefused(str(error)) from error
        self._fresh = Freshness()
        if task.phase is Phase.HOMING:
            self._begin_homing()
            self._policy.withdraw()
        else:
            self._instruct(request.instruction)
        self._task = task
        self._node.get_logger().info(f"task: {request.instruction!r}")

    def _instruct(self, text: str) -> None:
        try:
            self._policy.instruct(text)
        except ValueError as error:
            raise TaskRefused(str(error)) from error

    def _tick(self) -> None:
        task = self._task
        if task is None or task.is_over:
            return
        now_s = time.monotonic()
        self._end(lambda task: task.tick(self._view(), now_s))
        if self._goal is not None and self._goal.is_cancel_requested:
            self._end(lambda task: task.cancel("cancelled by the client", now_s))
        if task.phase is Phase.HOMING and now_s > self._home_until_s:
            self._end(lambda task: task.not_homed("the robot has not arrived at its home pose in time", now_s))
        if self._goal is not None and not task.is_over:
            self._goal.publish_feedback(
                RunTask.Feedback(
                    phase=int(task.phase),
                    elapsed_s=task.elapsed_s(now_s),
                    chunks=task.chunks,
                    latency_s=self._fresh.latency_s,
                    observation_age_s=self._fresh.age_s(),
                    safety_mode=self._safety_mode,
                )
            )

    def _end(self, ends: Callable[[Task], None], *, keeps_moving: bool = False) -> bool:
        """Let the running task end, if `ends` ends it; return whether a task was running."""
        task = self._task
        if task is None or task.is_over:
            return False
        ends(task)
        if not task.is_over:
            return True
        self._stop_watching_home()
        if not keeps_moving:
            self._policy.withdraw()
            self._ask("hold")
        self._node.get_logger().info(f"task {task.outcome.name.lower().replace('_', ' ')}: {task.text}")
        if self._ended is not None:
            self._ended.set_result(task)
            self._ended = self._goal = None
        return True

    # The move home.

    def _begin_homing(self) -> None:
        self._home_until_s = time.monotonic() + HOME_ANSWER_S
        answer = self._ask("home")
        if answer is None:
            raise TaskRefused("the interpolator does not offer ~/home: is it running?")
        answer.add_done_callback(self._on_home_answer)

    def _on_home_answer(self, answer: Future) -> None:
        task, reply = self._task, answer.result()
        if task is None or task.phase is not Phase.HOMING or reply is None:
            return
        if not reply.success:
            self._end(lambda task: task.not_homed(reply.message, time.monotonic()))
            return
        self._home_until_s = time.monotonic() + HOME_PATIENCE_S
        self._states = self._node.subscription(RobotState, "robot_state", self._on_robot_state, qos.STATE)

    def _on_robot_state(self, message: RobotState) -> None:
        task = self._task
        if task is None or task.phase is not Phase.HOMING or not self._rests_at_home(robot_state_from_msg(message)):
            return
        self._stop_watching_home()
        task.homed(time.monotonic())
        try:
            self._instruct(task.request.instruction)
        except TaskRefused as refusal:
            text = str(refusal)
            self._end(lambda task: task.cancel(text, time.monotonic()))

    def _stop_watching_home(self) -> None:
        if self._states is not None:
            self._node.destroy_subscription(self._states)
            self._states = None

    # The neighbours.

    def _ask(self, what: str) -> Future | None:
        client = self._clients[what]
        if not client.service_is_ready():
            self._node.get_logger().error(f"the interpolator does not offer ~/{what}: is it running?")
            return None
        future: Future = client.call_async(Trigger.Request())
        return future

    def _on_safety(self, message: SafetyState) -> None:
        armed = message.mode == SafetyState.ARMED
        self._safety = SafetyView(armed, message.cause, message.text)
        self._safety_mode, self._safety_heard_s = message.mode, time.monotonic()
        self._tick_if_stopped()

    def _tick_if_stopped(self) -> None:
        if not self._safety.armed:
            now_s = time.monotonic()
            self._end(lambda task: task.tick(self._safety, now_s))

    def _view(self) -> SafetyView:
        """Return what safety says; nothing, when that was long ago."""
        return self._safety if time.monotonic() - self._safety_heard_s < SAFETY_TIMEOUT_S else SafetyView()
