# SPDX-License-Identifier: Apache-2.0
"""Give the policy its instructions, and see each task to its end: the executive, on the robot's side.

Topics (relative):
    in   instruction         std_msgs/String    any; what people and programs publish
    in   action_chunk        ActionChunk        reliable; counted, and their ages shown
    in   safety_state        SafetyState        reliable, transient local
    in   robot_state         RobotState         reliable 1; only while the robot moves home
    out  task/instruction    Instruction        reliable, transient local; on change
    out  task_status         TaskStatus         reliable, transient local; on change and once a second
Action:
    ~/run_task       RunTask
Services:
    ~/instruct       Instruct            give an instruction that is no task; the answer says whether it is taken
    ~/cancel_task    std_srvs/Trigger    end the task that runs, whichever client began it
    ~/finish_task    std_srvs/Trigger    the same, with success: an operator saw that it is done
Services that it calls: policy/check_instruction, interpolator/home.

The rules are in `task.Task`. However a task ends, its instruction is withdrawn: the policy infers no more, and the
interpolator comes to rest and follows no chunk of it, whenever that arrives. The line needs no task node to move.

What happens when this process ends: killed, it ends nothing. Policy and interpolator go on with the last instruction,
also past the time limit of a task, until safety is asked to stop or another instruction comes. Shut down in order, it
ends the task that runs, not an instruction that is no task.
Started again, it publishes no instruction by itself: what moves goes on, what rests stays at rest, and `task_status`
names an instruction that is still followed. The `instruction` parameter, and what was published on the topic before
this node was started, is given once safety reports that the robot is not armed; to a robot that is armed it is not.
A policy that is started again receives the instruction in force; if this node was started again meanwhile, there is
none, and the policy waits.

Run: ros2 run molmoact2_ros task --ros-args -p embodiment:=droid
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.task import Future
from std_msgs.msg import String
from std_srvs.srv import Trigger

from molmoact2_ros.action import RunTask
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.msg import ActionChunk, SafetyState, TaskStatus
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import to_stamp
from molmoact2_ros.ros.lifecycle import OK, WARN, Molmoact2Node, Report, run
from molmoact2_ros.ros.operator_input import OperatorInput
from molmoact2_ros.schema import brief, param
from molmoact2_ros.srv import Instruct

from .instructions import NO_POLICY, Instructions
from .move_home import MoveHome
from .task import Phase, SafetyView, Task, TaskOutcome, TaskRefused, TaskRequest

TICK_HZ = 10.0
STATUS_PERIOD_S = 1.0
SAFETY_TIMEOUT_S = 1.0
FLUSH_S = 0.5  # to have a withdrawal received before the publisher is gone


@dataclass(frozen=True)
class TaskParams:
    """Parameters of the task node."""

    embodiment: str = param("droid", "Robot: name of a shipped embodiment, or path of an embodiment file")
    instruction: str = param(
        "", "First instruction, given once safety reports that the robot is not armed; empty: none"
    )


@dataclass
class Progress:
    """Of the instruction in force: chunks, the newest one's latency, and its observation's time on the steady clock."""

    chunks: int = 0
    latency_s: float = 0.0
    observed_s: float = 0.0

    def age_s(self, now_s: float) -> float:
        """Return how old the observation is; 0 before the first."""
        return now_s - self.observed_s if self.observed_s else 0.0


class TaskNode(Molmoact2Node[TaskParams]):
    """Lifecycle node around one task at a time."""

    def __init__(self) -> None:
        super().__init__("task", TaskParams)

    def _setup(self) -> None:
        robot = Embodiment.load(self.params.embodiment)
        self._task: Task | None = None
        self._ended: Future | None = None  # of the goal that waits for the task
        self._goal: ServerGoalHandle | None = None
        self._progress = Progress()
        self._safety, self._safety_mode, self._safety_received_s = SafetyView(), 0, 0.0  # s: steady; 0: never
        self._first = self.params.instruction  # until it is given, or is not
        self._started_ns = time.time_ns()  # by the clock of publishers' stamps
        self._rejected = self._followed = ""  # newest instruction that was not taken; one from before this instance
        self._status_s = 0.0
        self._instructions = Instructions(self)
        self._home = MoveHome(self, robot)
        self._statuses = self.publisher(TaskStatus, "task_status", qos.LATCHED)
        self._input = OperatorInput(self, String, "instruction", self._on_instruction)
        self.subscription(ActionChunk, "action_chunk", self._on_chunk, qos.to_record(qos.CHUNK))
        self.subscription(SafetyState, "safety_state", self._on_safety, qos.LATCHED)
        self.service(Instruct, "~/instruct", self._on_instruct, awaits=True)
        self.service(Trigger, "~/cancel_task", self._answers("cancelled by a service call", Task.cancel))
        self.service(Trigger, "~/finish_task", self._answers("", lambda task, _, now: task.finish(now)))
        action = ActionServer(
            self,
            RunTask,
            "~/run_task",
            execute_callback=self._execute,
            goal_callback=lambda _: GoalResponse.ACCEPT,  # a refusal could not say why: the result does
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        self.owned.callback(action.destroy)
        self.steady_timer(1.0 / TICK_HZ, self._tick)

    def _deactivating(self) -> None:
        if self._end(lambda task: task.cancel("the task node was shut down", self.steady_now_s())):
            self._instructions.flush(FLUSH_S)

    # What is asked for.

    async def _execute(self, goal: ServerGoalHandle) -> RunTask.Result:
        asked = goal.request
        try:
            await self._begin(TaskRequest(asked.instruction, asked.time_limit_s, asked.home_first))
        except TaskRefused as refusal:
            goal.abort()
            return RunTask.Result(outcome=RunTask.Result.REFUSED, text=str(refusal))
        self._goal, self._ended = goal, Future()
        task: Task = await self._ended
        if task.outcome is TaskOutcome.FINISHED:
            goal.succeed()
        elif goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        return RunTask.Result(
            outcome=int(task.outcome),
            cause=task.cause,
            text=task.text,
            duration_s=task.elapsed_s(self.steady_now_s()),
            chunks=task.chunks,
        )

    async def _on_instruct(self, request: Instruct.Request, response: Instruct.Response) -> Instruct.Response:
        response.message = await self._take(request.instruction)
        response.success = not response.message
        return response

    def _on_instruction(self, message: String, repeated: bool) -> None:
        if repeated:
            return
        if 0 < self._input.published_ns < self._started_ns:
            self._first = message.data
            self._settle_first()
        elif self.executor is not None:
            self.finish_in_step(self.executor.create_task(self._take(message.data)))

    def _settle_first(self) -> None:
        """Give the instruction from before the start, unless the robot is armed: started again, nothing moves by it."""
        if not self._first or not self._safety_received_s or self.executor is None:
            return
        text, self._first = self._first, ""
        if self._safety.armed:
            self._reject(text, "it is from before this node was started, and the robot is armed: publish it again")
        else:
            self.finish_in_step(self.executor.create_task(self._take(text)))

    async def _take(self, text: str) -> str:
        """Give an instruction that is no task, which ends the one that runs; return why it is not taken."""
        self._first = ""
        problem = await self._checked(text)
        if problem:
            self._reject(text, problem)
            return problem
        reason = f"another instruction came: {text!r}"
        self._end(lambda task: task.cancel(reason, self.steady_now_s()), keeps_moving=True)
        self._give(text)
        return ""

    def _answers(self, text: str, end: Callable[[Task, str, float], None]) -> Callable[..., Trigger.Response]:
        def answer(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            response.success = self._end(lambda task: end(task, text, self.steady_now_s()))
            response.message = self._task.text if response.success and self._task else "no task runs"
            return response

        return answer

    async def _checked(self, text: str) -> str:
        """Return why the policy cannot infer with an instruction; empty if it can, or if there is none to say."""
        problem = await self._instructions.check(text)
        return "the task node was shut down" if problem is None else str(problem)

    def _reject(self, text: str, problem: str) -> None:
        self._rejected = f"instruction {brief(text)} rejected, what is in force stays: {problem}"
        self.get_logger().error(self._rejected)
        self._publish_status()

    def _give(self, text: str) -> None:
        """Put a checked instruction in force."""
        self._progress, self._rejected, self._followed = Progress(), "", ""
        self._instructions.give(text)
        self.get_logger().info(f"instruction: {text!r}")
        self._publish_status()

    # How a task goes on.

    async def _begin(self, request: TaskRequest) -> None:
        """Begin a task.

        Raises:
            TaskRefused: one runs, safety is not armed, there is no policy, or it could not infer with the instruction.
        """
        self._require_possible(request)
        if problem := await self._checked(request.instruction):
            raise TaskRefused(problem)
        task = self._require_possible(request)  # once more: the answer took its time
        self._first, self._task = "", task
        self.get_logger().info(f"task: {request.instruction!r}")
        if task.phase is Phase.HOMING:
            self._withdraw()
            self._home.begin(self._on_home)
        else:
            self._give(request.instruction)

    def _require_possible(self, request: TaskRequest) -> Task:
        """Return the task that a request would begin now; raise TaskRefused if it cannot."""
        if self._task is not None and not self._task.is_over:
            raise TaskRefused(
                f"a task runs already: {self._task.request.instruction!r}; cancel or finish it first (~/cancel_task)"
            )
        task = Task(request, self._view(), self.steady_now_s())
        if not self._instructions.policy_answers:
            raise TaskRefused(NO_POLICY)
        if request.home_first and not self._home.is_offered:
            raise TaskRefused("the interpolator does not offer ~/home: is it running?")
        return task

    def _on_home(self, problem: str) -> None:
        task, now_s = self._task, self.steady_now_s()
        if task is None or task.phase is not Phase.HOMING:
            return
        if problem:
            self._end(lambda task: task.not_homed(problem, now_s))
        else:
            task.homed(now_s)
            self._give(task.request.instruction)

    def _withdraw(self) -> None:
        self._progress, self._followed = Progress(), ""
        self._instructions.withdraw()
        self._publish_status()

    def _tick(self) -> None:
        now_s = self.steady_now_s()
        self._instructions.tick()
        self._home.tick()
        self._end(lambda task: task.tick(self._view(), now_s))
        if self._goal is not None and self._goal.is_cancel_requested:
            self._end(lambda task: task.cancel("cancelled by the client", now_s))
        if now_s - self._status_s > STATUS_PERIOD_S:
            self._publish_status()
        if self._goal is not None and self._task is not None and not self._task.is_over:
            self._goal.publish_feedback(
                RunTask.Feedback(
                    phase=int(self._task.phase),
                    elapsed_s=self._task.elapsed_s(now_s),
                    chunks=self._task.chunks,
                    latency_s=self._progress.latency_s,
                    observation_age_s=self._progress.age_s(now_s),
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
        self._home.forget()
        if not keeps_moving:
            self._withdraw()
        self.get_logger().info(f"task {task.outcome.name.lower().replace('_', ' ')}: {task.text}")
        if self._ended is not None:
            self._ended.set_result(task)
            self._ended = self._goal = None
        return True

    # The neighbours.

    def _on_chunk(self, message: ActionChunk) -> None:
        instructions, task = self._instructions, self._task
        if instructions.sequence == 0:
            self._followed = message.instruction
        elif instructions.text and message.instruction_sequence == instructions.sequence:
            self._progress.chunks += 1
            self._progress.latency_s = message.latency_s
            self._progress.observed_s = self.steady_now_s() - message.latency_s
            if task is not None and task.phase is Phase.RUNNING:
                task.published()

    def _on_safety(self, message: SafetyState) -> None:
        armed = message.mode == SafetyState.ARMED
        self._safety = SafetyView(armed, message.cause, message.text)
        self._safety_mode, self._safety_received_s = message.mode, self.steady_now_s()
        if not armed:
            self._end(lambda task: task.tick(self._safety, self.steady_now_s()))
        self._settle_first()

    def _view(self) -> SafetyView:
        """Return what safety says; nothing, when that was long ago."""
        silent_s = self.steady_now_s() - self._safety_received_s
        return self._safety if self._safety_received_s and silent_s < SAFETY_TIMEOUT_S else SafetyView()

    # What it says.

    def _publish_status(self) -> None:
        if not self.configured:
            return  # an answer came after cleanup
        self._status_s = self.steady_now_s()
        instructions, task, progress = self._instructions, self._task, self._progress
        is_task = task is not None and not task.is_over
        message = TaskStatus(
            stamp=to_stamp(self.ros_now_ns()),
            state=TaskStatus.INSTRUCTED if instructions.text and not is_task else TaskStatus.NONE,
            instruction=instructions.text or self._followed,
            sequence=instructions.sequence,
            text=self._inherited(),
            chunks=progress.chunks,
            latency_s=progress.latency_s,
            observation_age_s=progress.age_s(self._status_s),
            safety_mode=self._safety_mode,
            rejected=self._rejected,
        )
        if task is not None:
            message.outcome, message.cause, message.text = int(task.outcome), task.cause, task.text
            message.elapsed_s = task.elapsed_s(self._status_s)
            if message.state == TaskStatus.NONE:
                message.state, message.instruction = int(task.phase), task.request.instruction
                message.chunks = task.chunks
        self._statuses.publish(message)

    def _inherited(self) -> str:
        """Say that the policy follows an instruction from before this instance; empty if it does not."""
        if not self._followed:
            return ""
        return f"the policy follows {brief(self._followed)}, given before this node was started: no task ends it"

    def _report(self) -> list[Report]:
        instructions, task = self._instructions, self._task
        level, text = OK, "waiting for an instruction"
        if task is not None and not task.is_over:
            text = f"task: {task.phase.name.lower()}"
        elif instructions.text:
            text = "an instruction is in force"
        elif self._followed:
            level, text = WARN, self._inherited()
        elif self._first:
            level, text = WARN, "an instruction from before the start waits for safety_state"
        if self._rejected:
            level, text = WARN, self._rejected
        values = {
            "instruction": instructions.text,
            "sequence": instructions.sequence,
            "chunks": self._progress.chunks,
            "last_task": task.text if task is not None and task.is_over else "",
        }
        return [("task", level, text, values)]


def main() -> int:
    """Run the node."""
    return run(TaskNode)


if __name__ == "__main__":
    sys.exit(main())
