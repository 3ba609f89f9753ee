# SPDX-License-Identifier: Apache-2.0
"""The safety node from the outside: real topics, services and qualities of service, one process, its own domain."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from molmoact2_ros.embodiment import Embodiment, RobotState
from molmoact2_ros.msg import BridgeState, JointCommand, PerceptionStatus, SafetyState
from molmoact2_ros.msg import RobotState as RobotStateMsg
from molmoact2_ros.nodes import qos
from molmoact2_ros.nodes.messages import command_to_msg, robot_state_to_msg
from molmoact2_ros.nodes.safety_messages import (
    bridge_report_from_msg,
    perception_report_from_msg,
    snapshot_to_msg,
)
from molmoact2_ros.nodes.safety_node import SafetyNode, SafetyParams
from molmoact2_ros.safety import Cause, Limits, Mode, Settings, Snapshot, Verdict
from molmoact2_ros.safety.example import ExampleMotion

PATIENCE_S = 10.0  # bounds a wait that never ends; nothing is timed with it
PERIOD_S = 0.02
DOCUMENT = Path(__file__).parents[2] / "SAFETY.md"


class Neighbours:
    """Everybody around the safety node, in one node; `play` keeps the robot and the heartbeats alive."""

    def __init__(self, **parameters: object) -> None:
        self.node = rclpy.create_node("neighbours")
        self.safety = SafetyNode()
        assert self.safety.autostart(), self.safety.failure
        self.executor = SingleThreadedExecutor()
        for node in (self.node, self.safety):
            self.executor.add_node(node)
        self.limits = Limits.load(Embodiment.load("droid"), Settings.gripper_overrun)
        self.motion = ExampleMotion(self.limits, PERIOD_S)
        self.safe: list[JointCommand] = []
        self.states: list[SafetyState] = []
        self.node.create_subscription(JointCommand, "command/safe", self.safe.append, qos.command(PERIOD_S))
        self.node.create_subscription(SafetyState, "safety_state", self.states.append, qos.LATCHED)
        self.commands = self.node.create_publisher(JointCommand, "command/proposed", qos.command(PERIOD_S))
        self.robot = self.node.create_publisher(RobotStateMsg, "robot_state", qos.STATE)
        self.bridge = self.node.create_publisher(BridgeState, "bridge_state", qos.LATCHED)
        self.estop = self.node.create_publisher(Bool, "estop", qos.LATCHED)
        self.velocity = 0.0

    def now_ns(self) -> int:
        return self.node.get_clock().now().nanoseconds

    def heartbeat(self) -> None:
        positions, velocities = self.motion.state(0)
        state = RobotState(self.now_ns(), self.limits.names, positions, velocities + self.velocity)
        self.robot.publish(robot_state_to_msg(state, "base"))
        self.bridge.publish(BridgeState(mode=BridgeState.READY))

    def play_until(self, happened: Callable[[], object], step: Callable[[], None] | None = None) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            assert time.monotonic() < deadline, f"waited in vain; last: {self.states[-1:]}"
            (step or self.heartbeat)()
            self.executor.spin_once(timeout_sec=0.01)

    def call(self, name: str) -> Trigger.Response:
        client = self.node.create_client(Trigger, f"safety/{name}")
        self.play_until(client.service_is_ready)
        future = client.call_async(Trigger.Request())
        self.play_until(future.done)
        self.node.destroy_client(client)
        return future.result()

    def arm(self) -> None:
        self.play_until(lambda: self.call("arm").success)
        self.play_until(lambda: self.mode() == SafetyState.ARMED)

    def mode(self) -> int:
        return self.states[-1].mode if self.states else -1

    def stop_and_stand(self) -> None:
        assert self.call("stop").success
        self.play_until(lambda: self.mode() == SafetyState.STOPPED)

    def propose(self, index: int = 0) -> JointCommand:
        message = command_to_msg(self.motion.command(index, self.now_ns() - round(index * PERIOD_S * 1e9)))
        self.commands.publish(message)
        return message


@pytest.fixture
def around(monkeypatch: pytest.MonkeyPatch) -> Iterator[Neighbours]:
    monkeypatch.setenv("ROS_DOMAIN_ID", "74")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init()
    neighbours = Neighbours()
    yield neighbours
    neighbours.executor.shutdown()
    neighbours.safety.destroy_node()
    neighbours.node.destroy_node()
    rclpy.try_shutdown()


@pytest.mark.node
def test_the_node_starts_disarmed_says_so_and_passes_nothing(around: Neighbours) -> None:
    around.play_until(lambda: around.states)
    proposed = [around.propose(index) for index in range(5)]
    around.play_until(lambda: len(around.states) >= 3)
    assert proposed
    assert not around.safe
    assert around.mode() == SafetyState.DISARMED
    assert "what an earlier one did is not known" in around.states[-1].text


@pytest.mark.node
def test_arming_is_refused_with_everything_that_is_missing(around: Neighbours) -> None:
    client = around.node.create_client(Trigger, "safety/arm")
    around.play_until(client.service_is_ready, step=lambda: None)
    future = client.call_async(Trigger.Request())
    around.play_until(future.done, step=lambda: None)
    assert not future.result().success
    assert "no robot_state has come" in future.result().message


@pytest.mark.node
def test_an_armed_node_passes_a_clean_command_unchanged(around: Neighbours) -> None:
    around.arm()
    around.play_until(lambda: around.commands.get_subscription_count() == 1)
    message = around.propose()
    around.play_until(lambda: around.safe)
    assert around.safe[0] == message


@pytest.mark.node
def test_a_refused_command_goes_nowhere_and_three_in_a_row_stop_the_robot(around: Neighbours) -> None:
    around.arm()

    def propose_nan() -> None:
        around.heartbeat()
        message = command_to_msg(around.motion.command(0, around.now_ns()))
        message.positions[8] = np.nan
        around.commands.publish(message)

    around.play_until(lambda: around.mode() in (SafetyState.STOPPING, SafetyState.STOPPED), step=propose_nan)
    assert not around.safe
    assert around.states[-1].cause == SafetyState.CAUSE_NOT_FINITE
    assert (around.states[-1].joint, around.states[-1].refused_in_a_row) == ("joint1", 3)


@pytest.mark.node
def test_stop_reset_and_arm_again_need_an_operator_at_every_step(around: Neighbours) -> None:
    around.arm()
    around.stop_and_stand()
    assert not around.call("arm").success
    around.play_until(lambda: around.call("reset").success)
    around.play_until(lambda: around.mode() == SafetyState.DISARMED)
    assert around.states[-1].cause == SafetyState.CAUSE_NONE
    around.arm()


@pytest.mark.node
def test_an_estop_stops_and_its_release_alone_changes_nothing(around: Neighbours) -> None:
    around.arm()
    around.estop.publish(Bool(data=True))
    around.play_until(lambda: around.mode() == SafetyState.STOPPED)
    assert around.states[-1].cause == SafetyState.CAUSE_ESTOP
    assert "release it" in around.call("reset").message
    around.estop.publish(Bool(data=False))
    heard = len(around.states)
    around.play_until(lambda: len(around.states) > heard + 3)
    assert around.mode() == SafetyState.STOPPED


@pytest.mark.node
def test_an_estop_pressed_before_the_node_started_is_seen(around: Neighbours) -> None:
    around.estop.publish(Bool(data=True))
    around.play_until(lambda: around.mode() == SafetyState.STOPPED)
    around.executor.remove_node(around.safety)
    around.safety.destroy_node()
    around.states.clear()
    around.safety = SafetyNode()
    assert around.safety.autostart()
    around.executor.add_node(around.safety)
    around.play_until(lambda: around.states and around.states[-1].cause == SafetyState.CAUSE_ESTOP)


@pytest.mark.node
def test_a_robot_that_still_moves_is_stopping_and_not_stopped(around: Neighbours) -> None:
    around.arm()
    around.velocity = 0.5
    assert around.call("stop").success
    heard = len(around.states)
    around.play_until(lambda: len(around.states) > heard + 3)
    assert around.mode() == SafetyState.STOPPING
    around.velocity = 0.0
    around.play_until(lambda: around.mode() == SafetyState.STOPPED)


@pytest.mark.node
def test_a_silent_bridge_stops_an_armed_robot_by_name(around: Neighbours) -> None:
    around.arm()
    around.play_until(lambda: around.mode() == SafetyState.STOPPING, step=lambda: None)
    assert around.states[-1].cause == SafetyState.CAUSE_BRIDGE_SILENT


@pytest.mark.node
def test_a_subscriber_that_comes_late_learns_the_latched_stop_at_once(around: Neighbours) -> None:
    around.arm()
    around.stop_and_stand()
    around.executor.remove_node(around.safety)  # no heartbeat from here on: only the latched message can arrive
    late: list[SafetyState] = []
    around.node.create_subscription(SafetyState, "safety_state", late.append, qos.LATCHED)
    around.play_until(lambda: late)
    assert late[0].mode == SafetyState.STOPPED
    assert late[0].cause == SafetyState.CAUSE_OPERATOR_STOP


@pytest.mark.node
def test_deactivating_an_armed_node_stops_first_and_then_passes_nothing(around: Neighbours) -> None:
    around.arm()
    around.safety.trigger_deactivate()
    around.play_until(lambda: around.mode() == SafetyState.STOPPING)
    assert "deactivated" in around.states[-1].text
    assert around.call("arm").message.startswith("the safety node is not active")


@pytest.mark.node
def test_no_threshold_can_change_at_run_time(around: Neighbours) -> None:
    names = [field.name for field in dataclasses.fields(SafetyParams)]
    results = around.safety.set_parameters([Parameter(name, value=getattr(SafetyParams, name)) for name in names])
    assert not any(result.successful for result in results)


@pytest.mark.node
def test_the_safety_process_never_loads_torch_nor_other_rooms() -> None:
    code = "import sys, molmoact2_ros.nodes.safety_node; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=DOCUMENT.parent)
    loaded = set(done.stdout.split())
    rooms = {name.split(".")[1] for name in loaded if name.startswith("molmoact2_ros.")}
    assert "torch" not in loaded
    assert rooms - {"msg"} == {"embodiment", "nodes", "safety"}


def _constants(prefix: str) -> dict[str, int]:
    names = [name for name in dir(SafetyState) if name.startswith(prefix)]
    return {name.removeprefix(prefix): getattr(SafetyState, name) for name in names}


def test_the_causes_are_those_of_the_message() -> None:
    assert {cause.name: int(cause) for cause in Cause} == _constants("CAUSE_")


@pytest.mark.parametrize("mode", list(Mode))
def test_the_modes_are_those_of_the_message(mode: Mode) -> None:
    assert getattr(SafetyState, mode.name) == int(mode)


@pytest.mark.parametrize(
    ("inputs", "cause"),
    [
        ({"external": PerceptionStatus.STALE}, Cause.STALE_CAMERA),
        ({"external": PerceptionStatus.OK, "wrist": PerceptionStatus.MISSING}, Cause.STALE_CAMERA),
        ({"wrist": PerceptionStatus.FROZEN}, Cause.FROZEN_CAMERA),
        ({"wrist": PerceptionStatus.OK, "robot_state": PerceptionStatus.STALE}, Cause.STALE_STATE),
        ({"robot_state": PerceptionStatus.FROZEN}, Cause.FROZEN_STATE),
        ({"wrist": PerceptionStatus.OK}, Cause.STALE_OBSERVATION),
    ],
)
def test_the_failing_input_of_perception_gives_the_cause(inputs: dict[str, int], cause: Cause) -> None:
    message = PerceptionStatus(ready=False, inputs=list(inputs), states=list(inputs.values()), text="why")
    assert perception_report_from_msg(message).cause is cause


@pytest.mark.parametrize(
    ("mode", "reason", "cause"),
    [
        (BridgeState.READY, BridgeState.CAUSE_NONE, Cause.NONE),
        (BridgeState.WAITING, BridgeState.CAUSE_DRIVER_STATE, Cause.NONE),
        (BridgeState.HOLDING, BridgeState.CAUSE_SECOND_PUBLISHER, Cause.SECOND_PUBLISHER),
        (BridgeState.HOLDING, BridgeState.CAUSE_SAFETY_SILENT, Cause.BRIDGE_SILENT),
    ],
)
def test_a_bridge_that_holds_gives_a_cause_and_one_that_waits_shows_in_robot_state(
    mode: int, reason: int, cause: Cause
) -> None:
    assert bridge_report_from_msg(BridgeState(mode=mode, cause=reason, text="why")).cause is cause


def test_a_stop_travels_with_its_evidence() -> None:
    stop = Verdict(Cause.POSITION_LIMIT, "too far", "joint2", 3, 1.7, 1.67)
    message = snapshot_to_msg(Snapshot(Mode.STOPPED, "too far", stop, 7, 3, 3, stop), 1_500_000_000)
    assert (message.mode, message.cause, message.joint) == (3, SafetyState.CAUSE_POSITION_LIMIT, "joint2")
    assert (message.value, message.limit, message.passed_sequence) == (1.7, 1.67, 7)
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (1, 500_000_000)


def _documented() -> dict[str, str]:
    rows = re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \|", DOCUMENT.read_text(), flags=re.MULTILINE)
    return {name: default.split()[0] for name, default in rows}


def test_the_documented_parameters_and_defaults_are_those_of_the_code() -> None:
    assert _documented() == {field.name: str(field.default) for field in dataclasses.fields(SafetyParams)}


def test_every_cause_that_the_document_explains_exists_and_every_check_is_explained() -> None:
    explained = set(re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \|", DOCUMENT.read_text(), flags=re.MULTILINE))
    names = {name for row in explained for name in re.findall(r"[A-Z_]+", row)}
    assert names == {cause.name for cause in Cause} - {"NONE"}
