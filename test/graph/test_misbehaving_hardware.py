# SPDX-License-Identifier: Apache-2.0
"""Hardware that misbehaves, and a clock that is set, stop a moving robot under their own names.

The whole graph runs, on simulated time where the clock is the subject. Every other fault has its test in `molmoact2
faults`; these are the ones that take all processes to be seen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter

from molmoact2_ros.cli import ros_environment
from molmoact2_ros.cli.live_graph import LiveGraph
from molmoact2_ros.cli.main import make_parser
from molmoact2_ros.cli.operator_client import OperatorClient, cause_name
from molmoact2_ros.msg import SafetyState
from molmoact2_ros.nodes.graph import GRAPH_ARGUMENTS, graph

pytestmark = [pytest.mark.graph, pytest.mark.flaky(reruns=4)]

READY_S, ARM_S, STOP_S = 60.0, 20.0, 10.0
MOVING_RAD_S = 0.1
PATIENT = Path(__file__).with_name("patient_safety.yaml")
CLEAN_S = 8.0  # of motion on simulated time in which nothing may be refused


class Lab:
    """One simulated robot and its operator."""

    def __init__(self, client: OperatorClient, folder: Path, robot: str, use_sim_time: str) -> None:
        arguments = {argument.name: argument.default for argument in GRAPH_ARGUMENTS}
        arguments |= {"sim": "true", "instruction": "move", "use_sim_time": use_sim_time, "safety_file": str(PATIENT)}
        arguments["camera_rate"] = "8"
        self.client = client
        self.live = LiveGraph(client, folder, lambda who, text: print(f"{time.monotonic():.2f} {who}: {text}"))
        self._parameters = client.node.create_client(SetParameters, "simulator/set_parameters")
        self.live.start(graph(robot, arguments))

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            ended = self.live.poll()
            assert not ended, f"a node ended: {ended[0]}"
            assert time.monotonic() < deadline, "waited too long"

    def arm_and_move(self) -> None:
        self.wait_for(lambda: self.live.is_ready and self.client.chunk is not None, READY_S)
        self.wait_for(lambda: self.client.ask_safety("arm")[0], ARM_S)
        self.wait_for(lambda: float(np.abs(self.client.robot.velocities).max()) > MOVING_RAD_S, ARM_S)

    def misbehave(self, text: str) -> None:
        parameter = Parameter("misbehaviour", value=text).to_parameter_msg()
        reply = self._parameters.call_async(SetParameters.Request(parameters=[parameter]))
        self.wait_for(reply.done, STOP_S)
        assert reply.result().results[0].successful, reply.result().results[0].reason

    def stops_by(self) -> str:
        self.wait_for(lambda: self.client.safety.mode == SafetyState.STOPPED, STOP_S)
        return cause_name(self.client.safety.cause)

    def reset(self) -> None:
        self.wait_for(lambda: self.client.ask_safety("reset")[0], STOP_S)


@pytest.fixture
def lab(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Lab]]:
    """Its domain is the test's `domain` mark."""
    mark = request.node.get_closest_marker("domain")
    ros_environment.enter(make_parser().parse_args(["status", "--domain-id", str(mark.args[0])]))
    with OperatorClient("test_operator") as client:
        made: list[Lab] = []

        def make(robot: str, use_sim_time: str = "false") -> Lab:
            made.append(Lab(client, tmp_path / "logs", robot, use_sim_time))
            return made[-1]

        yield make
        made[0].live.take_down()
    os.environ.pop("ROS_DOMAIN_ID")


@pytest.mark.domain(100)
def test_droid_runs_on_simulated_time_and_a_clock_that_jumps_stops_it(lab: Callable[..., Lab]) -> None:
    droid = lab("droid", use_sim_time="true")
    droid.arm_and_move()
    begun = time.monotonic()
    droid.wait_for(lambda: time.monotonic() - begun > CLEAN_S, CLEAN_S + 5.0)
    assert droid.client.safety.mode == SafetyState.ARMED
    assert droid.client.safety.refused == 0
    for jump in ("clock_jump 1", "clock_jump -1"):
        droid.misbehave(jump)
        assert droid.stops_by() == "clock jump"
        droid.reset()
        droid.arm_and_move()


@pytest.mark.parametrize(
    "robot",
    [
        pytest.param("droid", marks=pytest.mark.domain(101)),
        pytest.param("yam", marks=pytest.mark.domain(6)),
        pytest.param("so101", marks=pytest.mark.domain(7)),
    ],
)
def test_a_fault_of_the_robot_stops_it_and_stands_in_the_way_until_it_is_over(
    lab: Callable[..., Lab], robot: str
) -> None:
    lab_of = lab(robot)
    lab_of.arm_and_move()
    lab_of.misbehave("robot_fault user_stop")
    assert lab_of.stops_by() == "robot fault"
    assert "user_stop" in lab_of.client.safety.text
    done, words = lab_of.client.ask_safety("reset")
    assert not done
    assert "the robot reports a fault" in words
    lab_of.misbehave("")
    lab_of.reset()
    lab_of.arm_and_move()


@pytest.mark.domain(8)
def test_swapped_cameras_stop_the_robot_and_are_named(lab: Callable[..., Lab]) -> None:
    droid = lab("droid")
    droid.arm_and_move()
    droid.wait_for(lambda: droid.client.safety.passed_sequence > 100, STOP_S)  # chunks are executed by then
    droid.misbehave("cameras_swapped")
    assert droid.stops_by() == "wrong camera"
    assert "the frame_id of camera 'wrist'" in droid.client.safety.text
