# SPDX-License-Identifier: Apache-2.0
"""Whatever dies while the arm moves, the arm comes to rest without a jump, and somebody says why.

The arm is watched on the simulator's own driver topic, which goes on when every other node is gone.

Six processes in real time need two cores for themselves. Where something else takes one of them for some tenths of a
second, safety rightly stops the arm for a reason that the test did not plan: so a test that fails is run again, and
pytest's summary tells how often.
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

from rclpy.action import ActionClient
from sensor_msgs.msg import JointState

from molmoact2_ros.action import RunTask
from molmoact2_ros.cli import ros_environment
from molmoact2_ros.cli.home import is_at_home
from molmoact2_ros.cli.live_graph import START_UP_S, LiveGraph
from molmoact2_ros.cli.main import make_parser
from molmoact2_ros.cli.operator_client import MODES, OperatorClient, cause_name
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.msg import BridgeState, SafetyState
from molmoact2_ros.nodes import qos
from molmoact2_ros.nodes.graph import GRAPH_ARGUMENTS, graph

pytestmark = [pytest.mark.graph, pytest.mark.flaky(reruns=4)]

READY_S = 60.0
MOVING_RAD_S = 0.05
STILL_RAD_S = 0.02
STANDSTILL_BUDGET_S = 2.0
CRASHED_ARE_LISTED_S = 30.0  # as publishers: 6 s with our profile, and time to be heard
DROID = Embodiment.load("droid")
SIMULATED = {"sim": "true", "instruction": "move", "camera_rate": "8"}  # as a slow machine can
MAX_ACCELERATION_RAD_S2 = 10.0  # the robot's limit; see config/embodiments/droid.yaml


@pytest.fixture
def live(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LiveGraph]:
    """A simulated DROID, ready to be armed; its domain is the test's `domain` mark."""
    mark = request.node.get_closest_marker("domain")
    assert mark is not None, "give the test a ROS domain of its own: @pytest.mark.domain(N)"
    ros_environment.enter(make_parser().parse_args(["status", "--domain-id", str(mark.args[0])]))
    arguments = {argument.name: argument.default for argument in GRAPH_ARGUMENTS}
    nodes = graph("droid", arguments | SIMULATED)
    with OperatorClient("test_operator") as client:
        live = LiveGraph(client, tmp_path / "logs", lambda who, text: print(f"{time.monotonic():.2f} {who}: {text}"))
        try:
            live.start(nodes)
            wait_for(live, lambda: client.perception is not None and client.perception.ready, READY_S)
            wait_for(live, lambda: client.chunk is not None and client.safety is not None, READY_S)
            yield live
        finally:
            live.take_down()
    os.environ.pop("ROS_DOMAIN_ID")


def wait_for(live: LiveGraph, condition: Callable[[], bool], seconds: float) -> None:
    """Poll the graph until a condition holds; fail if a node dies or time runs out."""
    deadline = time.monotonic() + seconds
    while not condition():
        ended = live.poll()
        assert not ended, f"a node ended: {ended[0]}"
        assert time.monotonic() < deadline, "waited too long"


class ArmWatch:
    """Measured arm positions and velocities, in driver order, with the time at which they came."""

    def __init__(self, live: LiveGraph) -> None:
        self.times_s: list[float] = []
        self.velocities: list[np.ndarray] = []
        topic = Embodiment.load("droid").driver("franka_ros2_robotiq_forward").groups[0].state_topic
        live.client.listen(JointState, topic, qos.DRIVER_STATE, self._on_state)

    def _on_state(self, message: JointState) -> None:
        stamp = message.header.stamp
        self.times_s.append(stamp.sec + stamp.nanosec * 1e-9)
        self.velocities.append(np.array(message.velocity))

    @property
    def speed(self) -> float:
        return float(np.abs(self.velocities[-1]).max()) if self.velocities else 0.0

    def largest_acceleration(self, since: int) -> float:
        """Over windows of about 50 ms: shorter ones measure the simulated encoder's noise."""
        times, velocities = np.array(self.times_s[since:]), np.array(self.velocities[since:])
        step = 5
        spans = (times[step:] - times[:-step])[:, None]
        return float(np.abs((velocities[step:] - velocities[:-step]) / spans).max())


def _arm_and_move(live: LiveGraph) -> ArmWatch:
    watch = ArmWatch(live)
    wait_for(live, lambda: live.client.ask_safety("arm")[0], 10.0)  # it may not have been seen to stand still yet
    wait_for(live, lambda: watch.speed > MOVING_RAD_S, 15.0)
    wait_for(live, _after(1.5), 5.0)
    return watch


def _after(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() >= deadline


def _let_it_stop(live: LiveGraph, watch: ArmWatch) -> float:
    """Watch until the arm has stood still for half a second; return seconds until it did."""
    begun = time.monotonic()
    still_since = None
    while still_since is None or time.monotonic() - still_since < 0.5:
        live.poll()
        if watch.speed > STILL_RAD_S:
            still_since = None
        elif still_since is None:
            still_since = time.monotonic()
        assert time.monotonic() - begun < 10.0, "the arm still moves after ten seconds"
    return still_since - begun


def _cause(live: LiveGraph) -> str:
    safety = live.client.safety
    assert safety is not None
    assert safety.mode in (SafetyState.STOPPING, SafetyState.STOPPED), MODES[safety.mode]
    return cause_name(safety.cause)


@pytest.mark.parametrize(
    ("victim", "cause"),
    [
        pytest.param("perception", "perception silent", marks=pytest.mark.domain(77)),
        pytest.param("policy", "policy silent", marks=pytest.mark.domain(78)),
        pytest.param("interpolator", "interpolator silent", marks=pytest.mark.domain(79)),
        pytest.param("bridge", "bridge silent", marks=pytest.mark.domain(80)),
        pytest.param("safety", "", marks=pytest.mark.domain(81)),
    ],
)
def test_killing_a_node_in_motion_brings_the_arm_to_rest_and_names_the_cause(
    live: LiveGraph, victim: str, cause: str
) -> None:
    watch = _arm_and_move(live)
    wait_for(live, lambda: live.client.perception.ready, 5.0)  # a late camera would be a cause of its own
    killed_at = len(watch.times_s)
    os.kill(live.supervisor.pid(victim), signal.SIGKILL)
    rest_s, acceleration = _let_it_stop(live, watch), watch.largest_acceleration(killed_at)
    print(f"{victim} killed: at rest after {rest_s * 1e3:.0f} ms, at most {acceleration:.1f} rad/s2")
    assert rest_s < STANDSTILL_BUDGET_S
    assert acceleration < MAX_ACCELERATION_RAD_S2
    if cause:
        assert _cause(live) == cause
        return
    bridge = live.client.bridge
    assert bridge is not None
    assert (bridge.mode, bridge.cause) == (BridgeState.HOLDING, BridgeState.CAUSE_SAFETY_SILENT)


@pytest.mark.domain(82)
def test_a_stop_is_latched_until_reset_and_nothing_moves_until_armed_again(live: LiveGraph) -> None:
    watch = _arm_and_move(live)
    assert live.client.ask_safety("stop")[0]
    assert _let_it_stop(live, watch) < STANDSTILL_BUDGET_S
    wait_for(live, lambda: live.client.safety.mode == SafetyState.STOPPED, 3.0)
    assert not live.client.ask_safety("arm")[0]
    wait_for(live, _after(1.0), 3.0)
    done, words = live.client.ask_safety("reset")
    assert done, words
    stopped_at = len(watch.times_s)
    wait_for(live, _after(2.0), 3.0)
    assert np.abs(np.array(watch.velocities[stopped_at:])).max() < STILL_RAD_S
    _arm_and_move(live)


@pytest.mark.domain(60)
def test_a_safety_that_is_killed_in_motion_and_started_again_is_stopped_until_reset(live: LiveGraph) -> None:
    watch = _arm_and_move(live)
    os.kill(live.supervisor.pid("safety"), signal.SIGKILL)
    assert _let_it_stop(live, watch) < STANDSTILL_BUDGET_S
    wait_for(live, _after(START_UP_S), START_UP_S + 5.0)  # earlier a second safety is taken for another graph
    modes: set[int] = set()
    live.client.listen(SafetyState, "safety_state", qos.LATCHED, lambda message: modes.add(message.mode))
    arguments = {argument.name: argument.default for argument in GRAPH_ARGUMENTS} | SIMULATED
    live.supervisor.start([node for node in graph("droid", arguments) if node.name == "safety"])
    wait_for(live, lambda: live.client.safety.mode == SafetyState.STOPPED, 15.0)
    assert _cause(live) == "safety restarted"
    assert SafetyState.ARMED not in modes
    assert not live.client.ask_safety("arm")[0]
    # The process that crashed is listed as a publisher for some seconds, which may stand in the way.
    wait_for(live, lambda: live.client.ask_safety("reset")[0], CRASHED_ARE_LISTED_S)
    wait_for(live, lambda: live.client.safety.mode == SafetyState.DISARMED, 3.0)


@pytest.mark.domain(11)
def test_home_brings_the_arm_back_and_a_task_that_times_out_leaves_it_at_rest_and_armed(live: LiveGraph) -> None:
    watch, client = _arm_and_move(live), live.client
    moves, words = client.ask("interpolator", "home")
    assert moves, words
    wait_for(live, lambda: is_at_home(client, DROID), 20.0)
    wait_for(live, _after(1.0), 3.0)  # the policy goes on with the instruction from before, which moves nothing
    assert is_at_home(client, DROID)
    tasks = ActionClient(client.node, RunTask, "task/run_task")
    wait_for(live, tasks.server_is_ready, 10.0)
    begun = tasks.send_goal_async(RunTask.Goal(instruction="move", time_limit_s=3.0))
    wait_for(live, begun.done, 10.0)
    ended = begun.result().get_result_async()
    wait_for(live, lambda: watch.speed > MOVING_RAD_S, 5.0)
    wait_for(live, _after(3.0), 5.0)
    _let_it_stop(live, watch)
    wait_for(live, _after(2.0), 3.0)  # longer than any silence of the policy is tolerated in motion
    assert watch.speed < STILL_RAD_S
    assert client.safety.mode == SafetyState.ARMED
    assert ended.result().result.outcome == RunTask.Result.TIMED_OUT
    tasks.destroy()
