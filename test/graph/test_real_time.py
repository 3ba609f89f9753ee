# SPDX-License-Identifier: Apache-2.0
"""What takes a whole graph in real time: a clock that is set, and a safety that starts again.

Run on an idle computer; not part of `make test`. Everything else of the graph is in test_stops.py, in lockstep, and in
`molmoact2 faults`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter

from molmoact2_ros.bringup import ros_environment
from molmoact2_ros.bringup.graph import GRAPH_ARGUMENTS, graph
from molmoact2_ros.cli.main import make_parser
from molmoact2_ros.msg import SafetyState
from molmoact2_ros.operation.client import OperatorClient, cause_name
from molmoact2_ros.operation.managed_graph import START_UP_S, ManagedGraph
from molmoact2_ros.ros import qos

pytestmark = pytest.mark.realtime

READY_S, ARM_S, STOP_S = 60.0, 20.0, 15.0
CRASHED_ARE_LISTED_S = 30.0  # as publishers: 6 s with our profile, and time to be received
MOVING_RAD_S = 0.1
CLEAN_S = 8.0  # of motion on simulated time in which nothing may be refused


class Lab:
    """One simulated robot and its operator."""

    def __init__(self, client: OperatorClient, folder: Path, robot: str, use_sim_time: str) -> None:
        arguments = {argument.name: argument.default for argument in GRAPH_ARGUMENTS}
        arguments |= {"sim": "true", "instruction": "move", "use_sim_time": use_sim_time}
        self.client = client
        self.live = ManagedGraph(client, folder, lambda who, text: print(f"{time.monotonic():.2f} {who}: {text}"))
        self._parameters = client.node.create_client(SetParameters, "simulator/set_parameters")
        self.nodes = graph(robot, arguments)
        self.live.start(self.nodes)

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

    def inject(self, text: str) -> None:
        parameter = Parameter("fault", value=text).to_parameter_msg()
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
        droid.inject(jump)
        assert droid.stops_by() == "clock jump"
        droid.reset()
        droid.arm_and_move()


@pytest.mark.domain(60)
def test_a_safety_that_is_killed_in_motion_and_started_again_is_stopped_until_reset(lab: Callable[..., Lab]) -> None:
    droid = lab("droid")
    droid.arm_and_move()
    os.kill(droid.live.supervisor.pid("safety"), signal.SIGKILL)
    begun = time.monotonic()
    while time.monotonic() - begun < START_UP_S:  # earlier, a second safety is taken for another graph
        droid.live.poll()
    assert droid.client.stands_still
    modes: set[int] = set()
    droid.client.listen(SafetyState, "safety_state", qos.LATCHED, lambda message: modes.add(message.mode))
    droid.live.supervisor.start([node for node in droid.nodes if node.name == "safety"])
    assert droid.stops_by() == "safety restarted"
    assert SafetyState.ARMED not in modes
    assert not droid.client.ask_safety("arm")[0]
    # The process that crashed is listed as a publisher for some seconds, which may stand in the way.
    droid.wait_for(lambda: droid.client.ask_safety("reset")[0], CRASHED_ARE_LISTED_S)
    droid.wait_for(lambda: droid.client.safety.mode == SafetyState.DISARMED, STOP_S)
