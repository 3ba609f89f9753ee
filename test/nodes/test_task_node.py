# SPDX-License-Identifier: Apache-2.0
"""The task node from the outside: with a real policy node, and fakes of perception, interpolator and safety."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
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
from molmoact2_ros.bringup import ros_environment
from molmoact2_ros.cli.main import make_parser
from molmoact2_ros.embodiment import Embodiment, share_folder
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.msg import ActionChunk, Instruction, Observation, SafetyState, TaskStatus
from molmoact2_ros.msg import RobotState as RobotStateMsg
from molmoact2_ros.nodes import instructions, move_home, task_node
from molmoact2_ros.nodes.policy_node import PolicyNode
from molmoact2_ros.nodes.task import Phase, TaskOutcome
from molmoact2_ros.nodes.task_node import TaskNode
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import robot_state_to_msg, to_array, to_stamp
from molmoact2_ros.srv import Instruct

pytestmark = pytest.mark.node

PATIENCE_S = 120.0  # bounds a wait that never ends; nothing is timed with it
DROID = Embodiment.load("droid")
DEMO = share_folder() / "checkpoints" / f"demo_{DROID.policy.norm_tag}"
SIDE = 70
HOME = DROID.pose("home")


class Neighbours:
    """Perception, safety and interpolator around a policy and a task node that wait for an instruction."""

    def __init__(self, instruction: str = "''", mode: int = SafetyState.ARMED) -> None:
        values = {"checkpoint": DEMO, "instruction": instruction, "device": "cpu", "seed": 0}
        rclpy.init(args=["--ros-args", *(word for key, value in values.items() for word in ("-p", f"{key}:={value}"))])
        self.policy = PolicyNode()
        assert self.policy.autostart(), self.policy.failure
        self.node = rclpy.create_node("neighbours")
        self.executor = SingleThreadedExecutor()
        for node in (self.node, self.policy):
            self.executor.add_node(node)
        self.start_task_node()
        self.chunks: list[ActionChunk] = []
        self.asked: list[str] = []  # of the interpolator
        self.home_answer = (True, "moving home, which takes about 3.0 s")
        self.mode, self.cause, self.text = mode, 0, "armed"
        self.status = TaskStatus()
        self.given: list[Instruction] = []
        self.position = HOME + 0.5
        self.node.create_subscription(ActionChunk, "action_chunk", self.chunks.append, qos.CHUNK)
        self.node.create_subscription(TaskStatus, "task_status", self._on_status, qos.LATCHED)
        self.node.create_subscription(Instruction, "task/instruction", self.given.append, qos.to_record(qos.LATCHED))
        self.observations = self.node.create_publisher(Observation, "observation", qos.OBSERVATION)
        self.instructions = self.node.create_publisher(String, "instruction", qos.LATCHED)
        self.safety = self.node.create_publisher(SafetyState, "safety_state", qos.LATCHED)
        self.robot = self.node.create_publisher(RobotStateMsg, "robot_state", qos.STATE)
        self.node.create_service(Trigger, "interpolator/home", self._on_home)
        self.action = ActionClient(self.node, RunTask, "task/run_task")
        self.sequence = 0
        self.until(self.is_ready)

    def start_task_node(self) -> None:
        self.task = TaskNode()
        assert self.task.autostart(), self.task.failure
        self.executor.add_node(self.task)

    def kill_task_node(self) -> None:
        """Take the node away as a crash does: nothing is ended, nothing withdrawn."""
        self.executor.remove_node(self.task)
        self.task.destroy_node()
        self.status = TaskStatus()

    def is_ready(self) -> bool:
        """Return whether the task node can use all that it needs, and has received safety's state."""
        reached = self.task._instructions.policy_answers and self.task._home.is_offered
        return reached and self.action.server_is_ready() and self.task._safety_mode == self.mode

    def _on_home(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.asked.append("home")
        response.success, response.message = self.home_answer
        return response

    def _on_status(self, message: TaskStatus) -> None:
        self.status = message

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
            assert time.monotonic() < deadline, f"waited in vain: {self.status}, {self.policy._report()[0][2]}"
            self.step()

    def call(self, kind: Any, name: str, request: Any) -> Any:
        client = self.node.create_client(kind, f"task/{name}")
        self.until(client.service_is_ready)
        future = client.call_async(request)
        self.until(future.done)
        return future.result()

    def infers_nothing(self) -> bool:
        """Return whether no chunk comes in a while, after what was under way."""
        for _ in range(5):
            self.step()
        count = len(self.chunks)
        for _ in range(5):
            self.step()
        return len(self.chunks) == count

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
        for node in (self.task, self.policy):
            node.trigger_shutdown()
            node.destroy_node()
        self.node.destroy_node()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy for seconds makes nothing silent here."""
    monkeypatch.setattr(task_node, "SAFETY_TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr(instructions, "ANSWER_S", PATIENCE_S)
    monkeypatch.setattr(move_home, "ANSWER_S", PATIENCE_S)


@pytest.fixture
def here(around: Callable[..., Neighbours]) -> Neighbours:
    return around()


def test_states_and_outcomes_are_those_of_the_messages() -> None:
    assert {phase.name: int(phase) for phase in Phase} | {"INSTRUCTED": 4} == {
        name: getattr(TaskStatus, name) for name in ("NONE", "HOMING", "RUNNING", "ENDED", "INSTRUCTED")
    }
    assert {name: int(value) for name, value in TaskOutcome.__members__.items() if value} == {
        name: getattr(RunTask.Result, name) for name in ("FINISHED", "TIMED_OUT", "CANCELLED", "STOPPED", "REFUSED")
    }


def test_a_task_runs_times_out_and_withdraws_its_instruction(here: Neighbours) -> None:
    _, ended, feedback = here.send(instruction="wave", time_limit_s=1.0)
    here.until(ended.done)
    result = ended.result().result
    assert (ended.result().status, result.outcome) == (GoalStatus.STATUS_ABORTED, RunTask.Result.TIMED_OUT)
    assert result.text == "not finished after 1 s"
    assert feedback[-1].phase == RunTask.Feedback.RUNNING
    assert feedback[-1].safety_mode == SafetyState.ARMED
    here.until(lambda: len(here.given) == 2)
    assert [message.text for message in here.given] == ["wave", ""]
    assert here.infers_nothing()


@pytest.mark.parametrize("home_first", [False, True])
def test_a_task_that_the_model_cannot_read_is_refused_before_anything_moves(here: Neighbours, home_first: bool) -> None:
    here.instructions.publish(String(data="wave"))
    here.until(lambda: here.chunks)
    goal = {"instruction": "pick <im_patch> up", "home_first": home_first}
    _, ended, _ = here.send(**goal)
    here.until(ended.done)
    assert ended.result().result.outcome == RunTask.Result.REFUSED
    assert "holds the model's own tokens <im_patch>" in ended.result().result.text
    assert (here.asked, [message.text for message in here.given]) == ([], ["wave"])
    count = len(here.chunks)
    here.until(lambda: len(here.chunks) > count + 2)
    assert here.chunks[-1].instruction == "wave"


def test_a_task_that_is_finished_succeeds(here: Neighbours) -> None:
    _, ended, _ = here.send(instruction="wave")
    here.until(lambda: here.status.chunks > 0)
    assert here.call(Trigger, "finish_task", Trigger.Request()).success
    here.until(ended.done)
    assert ended.result().status == GoalStatus.STATUS_SUCCEEDED
    assert ended.result().result.outcome == RunTask.Result.FINISHED
    assert 0 < ended.result().result.chunks <= len(here.chunks)


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
    here.until(lambda: not here.task._view().armed)
    _, ended, _ = here.send(instruction="wave")
    here.until(ended.done)
    result = ended.result().result
    assert result.outcome == RunTask.Result.REFUSED
    assert result.text.startswith("safety is not armed (disarmed by a reset): look at the robot")


def test_a_second_task_is_refused_while_one_runs(here: Neighbours) -> None:
    here.send(instruction="wave")
    here.until(lambda: here.status.state == TaskStatus.RUNNING)
    _, ended, _ = here.send(instruction="dance")
    here.until(ended.done)
    assert ended.result().result.outcome == RunTask.Result.REFUSED
    assert ended.result().result.text.startswith("a task runs already: 'wave'")


def test_a_status_says_what_the_robot_is_to_do_and_a_service_cancels(here: Neighbours) -> None:
    here.until(lambda: here.status.safety_mode == SafetyState.ARMED)
    assert (here.status.state, here.status.sequence, here.status.instruction) == (TaskStatus.NONE, 0, "")
    here.send(instruction="wave")
    here.until(lambda: here.status.chunks > 0)
    status = here.status
    assert (status.state, status.instruction, status.outcome) == (TaskStatus.RUNNING, "wave", 0)
    assert status.sequence == here.given[-1].sequence == here.chunks[-1].instruction_sequence
    assert status.latency_s > 0
    assert here.call(Trigger, "cancel_task", Trigger.Request()).success
    here.until(lambda: here.status.state == TaskStatus.ENDED)
    assert (here.status.outcome, here.status.text) == (RunTask.Result.CANCELLED, "cancelled by a service call")
    assert here.call(Trigger, "cancel_task", Trigger.Request()).message == "no task runs"


def test_home_first_infers_nothing_until_the_robot_is_measured_at_home(here: Neighbours) -> None:
    _, ended, feedback = here.send(instruction="wave", home_first=True)
    here.until(lambda: here.asked == ["home"])
    for _ in range(8):
        here.step()
    assert here.chunks == []
    assert feedback[-1].phase == RunTask.Feedback.HOMING
    here.position = HOME
    here.until(lambda: here.chunks)
    assert not ended.done()
    assert [message.text for message in here.given] == ["", "wave"]


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
    assert [message.text for message in here.given] == ["wave", "dance"]
    here.until(lambda: here.status.state == TaskStatus.INSTRUCTED)
    assert (here.status.instruction, here.status.outcome) == ("dance", RunTask.Result.CANCELLED)


def test_the_same_instruction_given_again_counts_as_a_new_one(here: Neighbours) -> None:
    sequences = []
    for _ in range(2):
        here.chunks.clear()
        _, ended, _ = here.send(instruction="wave")
        here.until(lambda: here.chunks)
        here.call(Trigger, "finish_task", Trigger.Request())
        here.until(ended.done)
        sequences.append({chunk.instruction_sequence for chunk in here.chunks})
    assert [len(each) for each in sequences] == [1, 1]
    assert max(sequences[1]) > max(sequences[0]) > 0


# Instructions that are no task.


@pytest.mark.parametrize("profile", [10, qos.LATCHED], ids=["default", "latched"])
def test_an_instruction_published_with_any_qos_is_followed(here: Neighbours, profile: Any) -> None:
    publisher = here.node.create_publisher(String, "instruction", profile)
    here.until(lambda: publisher.get_subscription_count() > 0)
    publisher.publish(String(data="dance"))
    here.until(lambda: here.chunks and here.chunks[-1].instruction == "dance")
    assert [message.text for message in here.given] == ["dance"]


@pytest.mark.parametrize("mode", [SafetyState.DISARMED, SafetyState.ARMED], ids=["disarmed", "armed"])
def test_an_instruction_from_before_the_node_started_is_given_only_to_a_robot_that_is_not_armed(
    here: Neighbours, mode: int
) -> None:
    here.instructions.publish(String(data="wave"))
    here.until(lambda: here.chunks)
    here.kill_task_node()
    here.mode, before = mode, len(here.given)
    here.step()
    here.start_task_node()
    if mode == SafetyState.ARMED:
        here.until(lambda: "from before this node was started, and the robot is armed" in here.status.rejected)
        assert len(here.given) == before
    else:
        here.until(lambda: here.status.state == TaskStatus.INSTRUCTED)
        assert (here.status.instruction, len(here.given)) == ("wave", before + 1)


BAD_INSTRUCTIONS = {
    "pick <im_patch> up": "holds the model's own tokens <im_patch>",
    " . ": "is empty; say what the robot should do",
    "  ": "the instruction is empty: say what the robot is to do",
}


@pytest.mark.parametrize(("text", "words"), BAD_INSTRUCTIONS.items(), ids=["token", "full stop", "blank"])
def test_an_instruction_that_the_model_cannot_read_changes_nothing_and_is_reported(
    here: Neighbours, text: str, words: str
) -> None:
    here.instructions.publish(String(data="wave"))
    here.until(lambda: here.chunks)
    here.instructions.publish(String(data=text))
    here.until(lambda: words in here.status.rejected)
    reply = here.call(Instruct, "instruct", Instruct.Request(instruction=text))
    assert (reply.success, words in reply.message) == (False, True)
    count = len(here.chunks)
    here.until(lambda: len(here.chunks) > count + 2)
    assert here.chunks[-1].instruction == "wave"
    assert [message.text for message in here.given] == ["wave"]


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [("turn left", 0, "instruction: 'turn left'"), ("pick <im_patch> up", 1, "instruction rejected: ")],
)
def test_the_command_says_whether_an_instruction_is_taken(
    around: Callable[..., Neighbours],
    ros_domain: int,
    request: pytest.FixtureRequest,
    text: str,
    status: int,
    words: str,
) -> None:
    before = dict(os.environ)
    request.addfinalizer(lambda: (os.environ.clear(), os.environ.update(before)))
    ros_environment.enter(make_parser().parse_args(["status", "--domain-id", str(ros_domain)]))
    here = around()
    command = [sys.executable, "-m", "molmoact2_ros.cli", "instruct", text, "--domain-id", str(ros_domain)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        here.until(lambda: process.poll() is not None)
        output = process.communicate()[0]
    assert (process.returncode, words in output) == (status, True), output


# The first instruction, and what comes of a node that is started again.


def test_the_instruction_parameter_is_given_once_safety_reports_that_the_robot_is_not_armed(
    around: Callable[..., Neighbours],
) -> None:
    here = around("wave", SafetyState.DISARMED)
    here.until(lambda: here.chunks)
    assert (here.chunks[-1].instruction, here.status.state) == ("wave", TaskStatus.INSTRUCTED)


def test_the_instruction_parameter_is_not_given_to_a_robot_that_is_armed_already(
    around: Callable[..., Neighbours],
) -> None:
    here = around("wave", SafetyState.ARMED)
    here.until(lambda: "from before this node was started, and the robot is armed" in here.status.rejected)
    assert here.infers_nothing()
    assert here.given == []


def test_a_task_node_that_dies_and_starts_again_ends_nothing_and_says_what_is_still_followed(
    here: Neighbours,
) -> None:
    here.send(instruction="wave")
    here.until(lambda: here.chunks)
    sequence = here.chunks[-1].instruction_sequence
    here.kill_task_node()
    here.start_task_node()
    here.until(lambda: here.status.text)
    assert here.status.text.startswith("the policy follows 'wave', given before this node was started")
    assert (here.status.state, here.status.instruction) == (TaskStatus.NONE, "wave")
    count = len(here.chunks)
    here.until(lambda: len(here.chunks) > count + 3)
    assert {chunk.instruction_sequence for chunk in here.chunks[count:]} == {sequence}


def test_a_task_node_that_starts_again_resumes_nothing_that_ended(here: Neighbours) -> None:
    _, ended, _ = here.send(instruction="wave", time_limit_s=0.5)
    here.until(ended.done)
    here.kill_task_node()
    here.start_task_node()
    here.until(here.is_ready)
    assert here.infers_nothing()
    _, ended, _ = here.send(instruction="wave", time_limit_s=0.5)
    here.until(ended.done)
    assert ended.result().result.outcome == RunTask.Result.TIMED_OUT
    assert here.given[-1].sequence not in [message.sequence for message in here.given[:2]]


def test_a_task_node_that_is_shut_down_withdraws_the_task_that_runs(here: Neighbours) -> None:
    _, ended, _ = here.send(instruction="wave")
    here.until(lambda: here.chunks)
    here.task.trigger_deactivate()
    here.until(ended.done)
    assert ended.result().result.text == "the task node was shut down"
    assert here.infers_nothing()


def test_a_policy_that_starts_again_receives_the_instruction_in_force(here: Neighbours) -> None:
    here.send(instruction="wave")
    here.until(lambda: here.chunks)
    for transition in ("deactivate", "cleanup", "configure", "activate"):
        getattr(here.policy, f"trigger_{transition}")()
    here.chunks.clear()
    here.until(lambda: here.chunks)
    assert here.chunks[-1].instruction_sequence == here.given[-1].sequence


def test_a_task_is_refused_while_there_is_no_policy(here: Neighbours) -> None:
    here.policy.trigger_deactivate()
    here.policy.trigger_cleanup()
    here.until(lambda: not here.task._instructions.policy_answers)
    _, ended, _ = here.send(instruction="wave", home_first=True)
    here.until(ended.done)
    assert ended.result().result.text.startswith("no policy offers ~/check_instruction")
    assert here.asked == []


def test_configured_again_it_publishes_and_answers_once(here: Neighbours) -> None:
    for transition in ("deactivate", "cleanup", "configure", "activate"):
        getattr(here.task, f"trigger_{transition}")()
    topics = ("task_status", "task/instruction")
    here.until(lambda: [here.node.count_publishers(topic) for topic in topics] == [1, 1])
    assert here.node.count_subscribers("instruction") == 2
    here.until(here.is_ready)
    _, ended, _ = here.send(instruction="wave", time_limit_s=0.5)
    here.until(ended.done)
    assert ended.result().result.outcome == RunTask.Result.TIMED_OUT
