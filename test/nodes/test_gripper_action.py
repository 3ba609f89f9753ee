# SPDX-License-Identifier: Apache-2.0
"""The simulated gripper behind the action of parallel_gripper_action_controller. Needs control_msgs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")
pytest.importorskip("control_msgs", reason="needs apt install ros-jazzy-control-msgs; PyPI has no wheel of it")

import rclpy
from action_msgs.msg import GoalStatus
from control_msgs.action import GripperCommand, ParallelGripperCommand
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import JointState

from molmoact2_ros.nodes.simulator_node import SimulatorNode

pytestmark = [pytest.mark.node, pytest.mark.sim]

DEADLINE_S = 20.0
KNUCKLE = "robotiq_85_left_knuckle_joint"


class Client:
    """A client of the gripper, in one executor with the simulator."""

    def __init__(self, robot: str, driver: str, action: Any, topic: str) -> None:
        arguments = ["camera_rate_hz:=0.0", f"embodiment:={robot}", f"driver:={driver}"]
        rclpy.init(args=["--ros-args", *[text for argument in arguments for text in ("-p", argument)]])
        self.simulator, self.node, self._executor = SimulatorNode(), Node("lab"), SingleThreadedExecutor()
        assert self.simulator.autostart(), self.simulator.failure
        self._executor.add_node(self.simulator)
        self._executor.add_node(self.node)
        self._client = ActionClient(self.node, action, topic)
        deadline = time.monotonic() + DEADLINE_S
        while not self._client.server_is_ready():
            assert time.monotonic() < deadline, "no action server"
            self._executor.spin_once(timeout_sec=0.05)

    def send(self, *positions: float) -> Any:
        goal = ParallelGripperCommand.Goal(command=JointState(name=[KNUCKLE], position=list(positions)))
        return self.send_goal(goal)

    def send_goal(self, goal: Any) -> Any:
        return self.wait(self._client.send_goal_async(goal))

    def result(self, goal: Any) -> Any:
        return self.wait(goal.get_result_async())

    def wait(self, future: Future) -> Any:
        self._executor.spin_until_future_complete(future, timeout_sec=DEADLINE_S)
        assert future.done(), "no answer in time"
        return future.result()


@pytest.fixture
def open_client(ros_domain: int) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(*arguments: Any) -> Client:
        made.append(Client(*arguments))
        return made[-1]

    yield make
    for client in made:
        client.simulator.trigger_shutdown()
        client.simulator.destroy_node()
        client.node.destroy_node()


@pytest.fixture
def client(open_client: Callable[..., Client]) -> Client:
    topic = "robotiq_gripper_controller/gripper_cmd"
    return open_client("droid", "franka_ros2_robotiq", ParallelGripperCommand, topic)


def test_goal_succeeds_when_the_gripper_arrives(client: Client) -> None:
    answer = client.result(client.send(0.5))
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert answer.result.reached_goal
    assert answer.result.state.position[0] == pytest.approx(0.5, abs=0.02)


def test_gripper_that_stalls_succeeds_and_says_so(client: Client) -> None:
    answer = client.result(client.send(2.0))
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert answer.result.stalled
    assert not answer.result.reached_goal


def test_new_goal_preempts_the_running_one(client: Client) -> None:
    first, second = client.send(0.7), client.send(0.2)
    assert client.result(first).status == GoalStatus.STATUS_ABORTED
    assert client.result(second).result.reached_goal


def test_cancelled_goal_leaves_the_gripper_where_it_is(client: Client) -> None:
    goal = client.send(0.7)
    client.wait(goal.cancel_goal_async())
    answer = client.result(goal)
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert answer.result.state.position[0] < 0.6


def test_goal_of_wrong_size_is_aborted(client: Client) -> None:
    assert client.result(client.send(0.1, 0.2)).status == GoalStatus.STATUS_ABORTED


@pytest.mark.parametrize(
    ("robot", "driver", "topic", "position"),
    [
        ("yam", "yam_ros2_control", "left/gripper_controller/gripper_cmd", -0.02),
        ("droid", "franka_ros2_hand", "franka_gripper/gripper_action", 0.03),
        ("so101", "so101_ros2", "gripper_controller/gripper_cmd", 1.0),
    ],
)
def test_the_older_action_takes_one_number_in_the_drivers_unit(
    open_client: Callable[..., Client], robot: str, driver: str, topic: str, position: float
) -> None:
    client = open_client(robot, driver, GripperCommand, topic)
    goal = GripperCommand.Goal()
    goal.command.position = position
    answer = client.result(client.send_goal(goal))
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert answer.result.reached_goal
    assert answer.result.position == pytest.approx(position, rel=0.1)
