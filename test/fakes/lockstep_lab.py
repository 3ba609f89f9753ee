# SPDX-License-Identifier: Apache-2.0
"""A whole graph in lockstep and a test as its operator: time stands still while the test looks, calls or kills."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.task import Future
from sensor_msgs.msg import JointState

from molmoact2_ros.bringup import ros_environment
from molmoact2_ros.bringup.graph import GRAPH_ARGUMENTS, graph, in_lockstep
from molmoact2_ros.cli.main import make_parser
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.msg import SafetyState
from molmoact2_ros.operation.client import OperatorClient, cause_name
from molmoact2_ros.operation.managed_graph import ManagedGraph
from molmoact2_ros.ros import qos

OPERATOR = "test_operator"
WALL_LIMIT_S = 600.0  # for one wait, however slow the computer
LOOK_S = 0.02  # of simulated time
MOVING_RAD_S = 0.05
STILL_RAD_S = 0.02


class LockstepLab:
    """One simulated robot. All seconds are simulated ones."""

    def __init__(self, client: OperatorClient, folder: Path, robot: str, arguments: dict[str, str]) -> None:
        """Start the graph; no time has passed yet."""
        self.client, self.robot = client, Embodiment.load(robot)
        self.times_s: list[float] = []
        self.velocities: list[np.ndarray] = []  # of the arm, as it truly moves
        self._condition: Callable[[], bool] | None = None
        self._held: Future | None = None
        self._expected_exits: set[str] = set()
        self.live = ManagedGraph(client, folder, lambda who, text: print(f"{self.now_s:.2f} {who}: {text}"))
        client.listen(JointState, "simulator/truth", qos.to_record(qos.STATE), self._on_truth)
        member = client.member
        assert member is not None
        self._member = member
        member.timer(LOOK_S, self._look)
        values = {argument.name: argument.default for argument in GRAPH_ARGUMENTS}
        values |= {"sim": "true", "lockstep": "true", "instruction": "move"} | arguments
        nodes = [in_lockstep(node, 0, OPERATOR, publish_truth=True) for node in graph(robot, values)]
        self.nodes = {node.name: node for node in nodes}
        self.live.start(nodes)

    @property
    def now_s(self) -> float:
        return self.client.now_ns() * 1e-9

    @property
    def speed_rad_s(self) -> float:
        return float(np.abs(self.velocities[-1]).max()) if self.velocities else 0.0

    @property
    def mode(self) -> int:
        return self.client.safety.mode if self.client.safety else SafetyState.DISARMED

    @property
    def cause(self) -> str:
        return cause_name(self.client.safety.cause) if self.client.safety and self.client.safety.cause else ""

    def run_until(self, condition: Callable[[], bool], seconds: float) -> float:
        """Let time go on until a condition holds; return the seconds that it took. Time then stands still."""
        begun_s, deadline = self.now_s, time.monotonic() + WALL_LIMIT_S
        began = bool(self.times_s)
        self._condition = lambda: condition() or (began and self.now_s - begun_s > seconds)
        if self._held is not None:
            held, self._held = self._held, None
            held.set_result(None)
        while self._held is None:
            ended = [each for each in self.live.poll() if each.name not in self._expected_exits]
            assert not ended, f"a node ended: {ended[0]}"
            assert time.monotonic() < deadline, f"no step in {WALL_LIMIT_S} s of the computer's clock"
        assert condition(), f"waited {seconds} s of simulated time; safety: {self.client.safety}"
        return self.now_s - begun_s

    def run_for(self, seconds: float) -> None:
        """Let time go on."""
        end_s = self.now_s + seconds
        self.run_until(lambda: self.now_s >= end_s - 1e-6, 2 * seconds)

    def ask(self, node: str, what: str) -> tuple[bool, str]:
        """Call a service now."""
        return self.client.ask(node, what)

    def arm(self) -> None:
        """Arm as soon as safety allows it."""

        def armed() -> bool:
            return self.mode == SafetyState.ARMED

        for _ in range(100):
            if self.ask("safety", "arm")[0]:
                break
            self.run_for(0.1)
        self.run_until(armed, 1.0)

    def arm_and_move(self) -> None:
        """Bring the arm into motion by the policy's chunks."""
        self.run_until(lambda: self.client.perception is not None and self.client.perception.ready, 10.0)
        self.run_until(lambda: self.client.chunk is not None and self.client.safety is not None, 10.0)
        self.arm()
        self.run_until(lambda: self.speed_rad_s > MOVING_RAD_S, 10.0)
        self.run_for(0.8)

    def stand_still(self) -> float:
        """Wait until the arm has stood for half a second; return the seconds until it did."""
        begun_s = self.now_s
        since_s: list[float] = []

        def stood() -> bool:
            if self.speed_rad_s > STILL_RAD_S:
                since_s.clear()
            elif not since_s:
                since_s.append(self.now_s)
            return bool(since_s) and self.now_s - since_s[0] >= 0.5

        self.run_until(stood, 10.0)
        return since_s[0] - begun_s

    def kill(self, name: str) -> None:
        """End a process as nothing else does."""
        self._expected_exits.add(name)
        pid = self.live.supervisor.pid(name)
        os.kill(pid, signal.SIGKILL)
        while name in self.live.supervisor.running():
            time.sleep(0.01)
        self._member.report_ended(f"/{name}")

    def inject(self, text: str) -> None:
        """Let the simulated hardware have a fault from now on."""
        client = self.client.node.create_client(SetParameters, "simulator/set_parameters")
        assert self.client.wait_for(client.service_is_ready, WALL_LIMIT_S)
        parameter = Parameter("fault", value=text).to_parameter_msg()
        reply = client.call_async(SetParameters.Request(parameters=[parameter]))
        assert self.client.wait_for(reply.done, WALL_LIMIT_S)
        assert reply.result().results[0].successful, reply.result().results[0].reason

    def largest_acceleration(self, since_s: float) -> float:
        """Return that of any joint over 50 ms, rad/s2: shorter spans measure the encoder's noise."""
        times = np.array(self.times_s)
        velocities = np.array(self.velocities)[times >= since_s]
        times, step = times[times >= since_s], 5
        return float(np.abs((velocities[step:] - velocities[:-step]) / (times[step:] - times[:-step])[:, None]).max())

    def _look(self) -> None:
        """Hold this step if the test waits for what is the case now."""
        if self._condition is not None and self._condition():
            self._condition, self._held = None, Future()
            self._member.wait_for(self._held)

    def _on_truth(self, message: JointState) -> None:
        arm = [message.name.index(joint.name) for joint in self.robot.joints if not joint.is_gripper]
        self.times_s.append(message.header.stamp.sec + message.header.stamp.nanosec * 1e-9)
        self.velocities.append(np.array(message.velocity)[arm])


@contextmanager
def lockstep_lab(folder: Path, domain: int, robot: str, **arguments: Any) -> Iterator[LockstepLab]:
    """Run a graph in a domain of its own."""
    ros_environment.enter(make_parser().parse_args(["status", "--domain-id", str(domain)]))
    try:
        with OperatorClient(OPERATOR, lockstep=True) as client:
            lab = LockstepLab(client, folder / "logs", robot, arguments)
            try:
                yield lab
            finally:
                lab.live.take_down()
    finally:
        os.environ.pop("ROS_DOMAIN_ID")
