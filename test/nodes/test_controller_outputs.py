# SPDX-License-Identifier: Apache-2.0
"""The gripper action client, against a fake action server: control_msgs need not be installed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from fakes.commands import resting_command
from sensor_msgs.msg import JointState

from molmoact2_ros.bridge import GripperGoal
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.nodes.controller_outputs import ParallelGripperOutput

DROID = Embodiment.load("droid")
GRIPPER = DROID.driver("franka_ros2_robotiq").groups[1]


class FakeServer:
    """An action server that comes late and refuses goals, behind the client's interface."""

    def __init__(self, *, ready: bool, accepts: bool = True) -> None:
        self.ready, self.accepts = ready, accepts
        self.goals: list[SimpleNamespace] = []

    def server_is_ready(self) -> bool:
        return self.ready

    def send_goal_async(self, goal: SimpleNamespace) -> SimpleNamespace:
        self.goals.append(goal)
        answered = SimpleNamespace(result=lambda: SimpleNamespace(accepted=self.accepts))
        return SimpleNamespace(add_done_callback=lambda callback: callback(answered))


def _output(server, warnings=None):
    def empty_goal() -> SimpleNamespace:
        return SimpleNamespace(command=JointState())

    goal = GripperGoal(GRIPPER, DROID.joint_names, min_step=0.01, rate_hz=10.0)
    return ParallelGripperOutput(server, empty_goal, goal, (warnings if warnings is not None else []).append)


def test_goal_names_the_drivers_joint_and_position():
    server = FakeServer(ready=True)
    command = resting_command(DROID, 0)
    _output(server).send(command, 10**10)
    (goal,) = server.goals
    assert goal.command.name == ["robotiq_85_left_knuckle_joint"]
    assert goal.command.position[0] == pytest.approx(0.7929 * (1 - command.positions[2, 7]))


def test_a_server_that_comes_late_still_gets_the_goal():
    server = FakeServer(ready=False)
    output = _output(server)
    output.send(resting_command(DROID, 0), 10**10)
    assert (server.goals, output.listens()) == ([], False)
    server.ready = True
    output.send(resting_command(DROID, 0), 10**10 + 1)
    assert len(server.goals) == 1


def test_a_refused_goal_is_reported():
    warnings: list[str] = []
    _output(FakeServer(ready=True, accepts=False), warnings).send(resting_command(DROID, 0), 10**10)
    assert warnings == ["the gripper's action server refused the goal for robotiq_85_left_knuckle_joint"]
