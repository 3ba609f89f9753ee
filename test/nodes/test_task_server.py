# SPDX-License-Identifier: Apache-2.0
"""Tasks from the outside: action and services of a real policy node, with fakes of interpolator and safety."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

import rclpy
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import String
from std_srvs.srv import Trigger

from molmoact2_ros.action import RunTask
from molmoact2_ros.embodiment import Embodiment, RobotState, share_folder
from molmoact2_ros.msg import ActionChunk, Observation, SafetyState
from molmoact2_ros.msg import RobotState as RobotStateMsg
from molmoact2_ros.nodes import qos
from molmoact2_ros.nodes.messages import robot_state_to_msg, to_array, to_stamp
from molmoact2_ros.nodes.policy_node import PolicyNode
from molmoact2_ros.srv import StartTask, TaskStatus

pytestmark = pytest.mark.node

PATIENCE_S = 30.0  # bounds a wait that never ends; nothing is timed with it
DROID = Embodiment.load("droid")
DEMO = share_folder() / "checkpoints" / f"demo_{DROID.policy.norm_tag}"
SIDE = 70
HOME = DROID.pose("home")


class Neighbours:
    """Perception, safety and interpolator around a policy node that waits for a task."""

    def __init__(self) -> None:
        values = {"checkpoint": DEMO, "instruction": "''", "device": "cpu", "seed": 0}
        rclpy.init(args=["--ros-args", *(word for key, value in values.items() for word in ("-p", f"{key}:={value}"))])
        self.policy = PolicyNode()
        assert self.policy.autostart(), self.policy.failure
        self.node = rclpy.create_node("neighbours")
        self.executor = SingleThreadedExecutor()
        for node in (self.node, self.policy):
            self.executor.add_node(node)
        self.chunks: list[ActionChunk] = []
        self.asked: list[str] = []  # of the interpolator
        self.home_answer = (True, "moving home, which takes about 3.0 s")
        self.mode, self.cause, self.text = SafetyState.ARMED, 0, "armed"
        self.position = HOME + 0.5
        self.node.create_subscription(ActionChunk, "action_chunk", self.chunks.append, qos.CHUNK)
        self.observations = self.node.create_publisher(Observation, "observation", qos.OBSERVATION)
        self.instructions = self.node.create_publisher(String, "instruction", qos.LATCHED)
        self.safety = self.node.create_publisher(SafetyState, "safety_state", qos.LATCHED)
        self.robot = self.node.create_publisher(RobotStateMsg, "robot_state", qos.STATE)
        for name in ("home", "hold"):
            self.node.create_service(Trigger, f"interpolator/{name}", self._answers(name))
        self.action = ActionClient(self.node, RunTask, "policy/run_task")
        self.sequence = 0
        self.until(self.action.server_is_ready)
        self.until(lambda: self.policy._tasks._view().armed)  # it has heard safety

    def _answers(self, name: str) -> Callable[..., Trigger.Response]:
        def answer(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            self.asked.append(name)
            response.success, response.message = self.home_answer if name == "home" else (True, "holding")
            return response

        return answer

    def step(self) -> None:
        """Let a tenth of a second of the graph pass."""
        now_ns = self.node.get_clock().now().nanoseconds
        self.safety.publish(SafetyState(mode=self.mode, cause=self.cause, text=self.text))
        state = RobotState(now_ns, DROID.joint_names, self.position, np.zeros(8))
        self.robot.publish(robot_state_to_msg(state, "base"))
        self.sequence += 1
        message = Observation(
            sequence=self.sequence,
            embodiment="droid",
            camera_roles=list(DROID.camera_roles),
            height=SIDE,
            width=SIDE,
            state_names=list(DROID.joint_names),
        )
        message.header.stamp = message.state_stamp = to_stamp(now_ns)
        message.camera_stamps = [to_stamp(now_ns)] * 2
        message.images = to_array("B", np.full((2, SIDE, SIDE, 3), 90, np.uint8))
        message.state = to_array("f", DROID.to_policy(HOME).astype(np.float32))
        self.observations.publish(message)
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.01)

    def until(self, happened: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            assert time.monotonic() < deadline, f"waited in vain; status {self.status() if self.asked else ''}"
            self.step()

    def call(self, kind: Any, name: str, request: Any) -> Any:
        client = self.node.create_client(kind, f"policy/{name}")
        self.until(client.service_is_ready)
        future = client.call_async(request)
        self.until(future.done)
        return future.result()

    def status(self) -> TaskStatus.Response:
        return self.call(TaskStatus, "task_status", TaskStatus.Request())

    def send(self, **goal: Any) -> tuple[Any, Any, list[Any]]:
        """Send a goal; return its handle, the future of its result, and the feedback that comes."""
        feedback: list[Any] = []
        future = self.action.send_goal_async(
            RunTask.Goal(**goal), feedback_callback=lambda message: feedback.append(message.feedback)
        )
        self.until(future.done)
        return future.result(), future.result().get_result_async(), feedback

    def destroy(self) -> None:
        self.action.destroy()
        self.executor.shutdown()
        self.policy.trigger_shutdown()
        self.policy.destroy_node()
        self.node.destroy_node()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Neighbours]:
    monkeypatch.setenv("ROS_DOMAIN_ID", "10")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    neighbours = Neighbours()
    yield neighbours
    neighbours.destroy()
    rclpy.try_shutdown()


def test_a_task_runs_times_out_and_leaves_the_robot_holding(here: Neighbours) -> None:
    _, ended, feedback = here.send(instruction="wave", time_limit_s=1.0)
    here.until(ended.done)
    result = ended.result().result
    assert (ended.result().status, result.outcome) == (GoalStatus.STATUS_ABORTED, RunTask.Result.TIMED_OUT)
    assert result.text == "not finished after 1 s"
    assert result.chunks == len([chunk for chunk in here.chunks if chunk.instruction == "wave"]) > 0
    assert feedback[-1].phase == RunTask.Feedback.RUNNING
    assert feedback[-1].safety_mode == SafetyState.ARMED
    here.until(lambda: here.asked)
    assert here.asked == ["hold"]
    count = len(here.chunks)
    for _ in range(5):
        here.step()
    assert len(here.chunks) == count, "the policy goes on without a task"


@pytest.mark.parametrize("home_first", [False, True])
def test_a_task_that_the_model_cannot_read_is_refused_before_anything_moves(here: Neighbours, home_first: bool) -> None:
    here.instructions.publish(String(data="wave"))
    here.until(lambda: here.chunks)
    goal = {"instruction": "pick <im_patch> up", "home_first": home_first}
    _, ended, _ = here.send(**goal)
    here.until(ended.done)
    assert ended.result().result.outcome == RunTask.Result.REFUSED
    reply = here.call(StartTask, "start_task", StartTask.Request(**goal))
    for said in (ended.result().result.text, reply.message):
        assert "holds the model's own tokens <im_patch>" in said
    assert here.asked == []
    count = len(here.chunks)
    here.until(lambda: len(here.chunks) > count + 2)
    assert here.chunks[-1].instruction == "wave"


def test_a_task_that_is_finished_succeeds(here: Neighbours) -> None:
    _, ended, _ = here.send(instruction="wave")
    here.until(lambda: here.chunks)
    assert here.call(Trigger, "finish_task", Trigger.Request()).success
    here.until(ended.done)
    assert ended.result().status == GoalStatus.STATUS_SUCCEEDED
    assert ended.result().result.outcome == RunTask.Result.FINISHED


def test_a_task_is_cancelled_by_its_client(here: Neighbours) -> None:
    handle, ended, _ = here.send(instruction="wave")
    here.until(lambda: here.chunks)
    handle.cancel_goal_async()
    here.until(ended.done)
    assert ended.result().status == GoalStatus.STATUS_CANCELED
    assert ended.result().result.outcome == RunTask.Result.CANCELLED


def test_a_stop_ends_the_task_with_the_cause_of_safety(here: Neighbours) -> None:
    _, ended, _ = here.send(instruction="wave")
    here.until(lambda: here.chunks)
    here.mode, here.cause, here.text = SafetyState.STOPPING, SafetyState.CAUSE_ESTOP, "the estop topic said true"
    here.until(ended.done)
    result = ended.result().result
    assert (result.outcome, result.cause, result.text) == (RunTask.Result.STOPPED, here.cause, here.text)


def test_a_task_is_refused_when_safety_is_not_armed(here: Neighbours) -> None:
    here.mode, here.text = SafetyState.DISARMED, "disarmed by a reset"
    here.until(lambda: not here.policy._tasks._view().armed)
    _, ended, _ = here.send(instruction="wave")
    here.until(ended.done)
    result = ended.result().result
    assert result.outcome == RunTask.Result.REFUSED
    assert result.text.startswith("safety is not armed (disarmed by a reset): look at the robot")


def test_a_second_task_is_refused_while_one_runs(here: Neighbours) -> None:
    here.send(instruction="wave")
    answer = here.call(StartTask, "start_task", StartTask.Request(instruction="dance"))
    assert not answer.success
    assert answer.message.startswith("a task runs already: 'wave'")


def test_services_do_what_the_action_does(here: Neighbours) -> None:
    assert here.status().phase == TaskStatus.Response.NONE
    assert here.call(StartTask, "start_task", StartTask.Request(instruction="wave")).success
    here.until(lambda: here.chunks)
    status = here.status()
    assert (status.phase, status.instruction, status.outcome) == (TaskStatus.Response.RUNNING, "wave", 0)
    assert here.call(Trigger, "cancel_task", Trigger.Request()).success
    status = here.status()
    assert (status.phase, status.outcome) == (TaskStatus.Response.ENDED, RunTask.Result.CANCELLED)
    assert here.call(Trigger, "cancel_task", Trigger.Request()).message == "no task runs"


def test_home_first_infers_nothing_until_the_robot_is_measured_at_home(here: Neighbours) -> None:
    _, ended, feedback = here.send(instruction="wave", time_limit_s=0.5, home_first=True)
    here.until(lambda: here.asked == ["home"])
    for _ in range(8):
        here.step()
    assert here.chunks == []
    assert feedback[-1].phase == RunTask.Feedback.HOMING
    here.position = HOME
    here.until(ended.done)
    assert ended.result().result.outcome == RunTask.Result.TIMED_OUT
    assert here.chunks


def test_a_home_that_is_refused_is_the_reason_why_the_task_did_not_begin(here: Neighbours) -> None:
    here.home_answer = (False, "not moving home: no pose has been measured")
    _, ended, _ = here.send(instruction="wave", home_first=True)
    here.until(ended.done)
    result = ended.result().result
    assert result.outcome == RunTask.Result.REFUSED
    assert result.text == "the task did not begin: not moving home: no pose has been measured"


def test_an_instruction_from_elsewhere_ends_the_task_and_stays(here: Neighbours) -> None:
    _, ended, _ = here.send(instruction="wave")
    here.until(lambda: here.chunks)
    here.instructions.publish(String(data="dance"))
    here.until(ended.done)
    assert ended.result().result.text == "another instruction came: 'dance'"
    here.until(lambda: here.chunks[-1].instruction == "dance")
    assert here.asked == []


def test_the_same_instruction_given_again_counts_as_a_new_one(here: Neighbours) -> None:
    for sequence in (1, 2):
        here.chunks.clear()
        _, ended, _ = here.send(instruction="wave", time_limit_s=0.5)
        here.until(ended.done)
        assert {chunk.instruction_sequence for chunk in here.chunks} == {sequence}
