# SPDX-License-Identifier: Apache-2.0
"""The safety node from the outside: real topics, services and qualities of service, one process, its own domain."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="needs ROS 2")

import rclpy
from fakes.lifecycle_manager import repeat_life_cycle
from fakes.neighbours import AroundNode
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Bool, Int8
from std_srvs.srv import SetBool, Trigger

from molmoact2_ros.bridge import SafetyMemory
from molmoact2_ros.embodiment import Embodiment, share_folder
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interfaces.safety_state import Cause, Mode, Snapshot, Verdict
from molmoact2_ros.msg import ActionChunk, BridgeState, JointCommand, Observation, PerceptionStatus, SafetyState
from molmoact2_ros.msg import RobotState as RobotStateMsg
from molmoact2_ros.nodes.safety_node import SafetyNode, SafetyParams
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import command_to_msg, robot_state_to_msg
from molmoact2_ros.ros.safety_conversions import bridge_report_from_msg, perception_report_from_msg, snapshot_to_msg
from molmoact2_ros.safety import Limits, Settings
from molmoact2_ros.safety.example import ExampleMotion
from molmoact2_ros.schema import settings_in

PERIOD_S = 0.02
# A busy machine may hold this process up for longer than safety rightly waits for.
PATIENT = {"state_timeout_s": 1.0, "command_timeout_s": 1.0, "first_command_timeout_s": 10.0, "bridge_timeout_s": 5.0}
DOCUMENT = Path(__file__).parents[2] / "SAFETY.md"


class Neighbours(AroundNode):
    """Everybody around the safety node, in one node; `play` keeps the robot and the heartbeats alive."""

    safety = property(lambda self: self.tested)
    SPINS, SPIN_S = 1, 0.01

    def __init__(self, **parameters: object) -> None:
        super().__init__(SafetyNode, **{**PATIENT, **parameters})
        assert self.started, self.safety.failure
        self.limits = Limits.load(Embodiment.load("droid"), Settings.gripper_overrun)
        self.motion = ExampleMotion(self.limits, PERIOD_S)
        self.safe: list[JointCommand] = []
        self.states: list[SafetyState] = []
        self.node.create_subscription(JointCommand, "command/safe", self.safe.append, qos.command(PERIOD_S))
        self.node.create_subscription(SafetyState, "safety_state", self._on_safety, qos.LATCHED)
        self.memory = SafetyMemory(SafetyState.CAUSE_SAFETY_RESTARTED)  # of the bridge
        self.commands = self.node.create_publisher(JointCommand, "command/proposed", qos.command(PERIOD_S))
        self.robot = self.node.create_publisher(RobotStateMsg, "robot_state", qos.STATE)
        self.bridge = self.node.create_publisher(BridgeState, "bridge_state", qos.LATCHED)
        self.estop = self.node.create_publisher(Bool, "estop", qos.LATCHED)
        self.enabling_publisher = self.node.create_publisher(Bool, "enabling_device", qos.STATUS)
        self.enabling_device: bool | None = None
        self.velocity = 0.0
        self.steps = 0

    def play(self) -> None:
        positions, velocities = self.motion.state(0)
        state = RobotState(self.now_ns(), self.limits.names, positions, velocities + self.velocity)
        self.robot.publish(robot_state_to_msg(state, "base"))
        if self.enabling_device is not None:
            self.enabling_publisher.publish(Bool(data=self.enabling_device))
        memory = self.memory
        self.bridge.publish(
            BridgeState(
                mode=BridgeState.READY,
                safety_instance_id=memory.instance_id,
                former_cause=memory.former_cause,
                former_text=memory.former_text,
                former_pressed_estops=memory.former_pressed,
            )
        )

    def _on_safety(self, message: SafetyState) -> None:
        self.states.append(message)
        armed = message.mode == SafetyState.ARMED
        self.memory.on_safety(
            instance_id=message.instance_id,
            armed=armed,
            cause=message.cause,
            text=message.text,
            pressed=message.pressed_estops,
        )

    def restart_safety(self) -> None:
        """Let safety die, without a word, and start it again."""
        self.states.clear()
        self.crash()
        assert self.started, self.safety.failure

    def last(self) -> object:
        return self.states[-1:]

    def call(self, name: str, kind: Any = Trigger, **request: object) -> Any:
        client = self.node.create_client(kind, f"safety/{name}")
        self.play_until(client.service_is_ready)
        future = client.call_async(kind.Request(**request))
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

    def move(self) -> None:
        """Take the next step of a motion."""
        self.play()
        self.propose(self.steps)
        self.steps += 1

    def propose(self, index: int = 0) -> JointCommand:
        message = command_to_msg(self.motion.command(index, self.now_ns() - round(index * PERIOD_S * 1e9)))
        self.commands.publish(message)
        return message


@pytest.fixture
def parameters() -> dict[str, object]:
    """Of the safety node, where a test's `parametrize` gives other ones than these."""
    return {}


@pytest.fixture
def around(around: Callable[..., Neighbours], parameters: dict[str, object]) -> Neighbours:
    return around(**parameters)


@pytest.mark.node
def test_the_node_starts_disarmed_says_so_and_passes_nothing(around: Neighbours) -> None:
    around.play_until(lambda: around.states)
    proposed = [around.propose(index) for index in range(5)]
    around.play_until(lambda: len(around.states) >= 3)
    assert proposed
    assert not around.safe
    assert around.mode() == SafetyState.DISARMED
    assert "knows of no stop before it" in around.states[-1].text


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
        around.play()
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
    count = len(around.states)
    around.play_until(lambda: len(around.states) > count + 3)
    assert around.mode() == SafetyState.STOPPED


@pytest.mark.node
@pytest.mark.parametrize("durability", [DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL])
@pytest.mark.parametrize("reliability", [ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT])
def test_an_estop_stops_whatever_quality_of_service_its_publisher_offers(
    around: Neighbours, reliability: ReliabilityPolicy, durability: DurabilityPolicy
) -> None:
    around.node.destroy_publisher(around.estop)
    profile = QoSProfile(depth=10, reliability=reliability, durability=durability)
    button = around.node.create_publisher(Bool, "estop", profile)
    around.play_until(lambda: button.get_subscription_count() > 0)
    button.publish(Bool(data=True))
    around.play_until(lambda: around.mode() == SafetyState.STOPPED)
    assert around.states[-1].cause == SafetyState.CAUSE_ESTOP
    assert "release it" in around.call("reset").message
    button.publish(Bool(data=False))
    around.play_until(lambda: around.states[-1].pressed_estops == 0)
    around.play_until(lambda: around.call("reset").success)


def test_an_estop_that_is_pressed_and_released_at_once_was_pressed(around: Neighbours) -> None:
    around.play_until(lambda: around.estop.get_subscription_count() == 2)
    for pressed in (True, False):
        around.estop.publish(Bool(data=pressed))
    around.play_until(lambda: around.mode() == SafetyState.STOPPED)
    around.play_until(lambda: around.call("reset").success)


def test_an_estop_whose_type_cannot_be_received_keeps_the_robot_disarmed(around: Neighbours) -> None:
    with rclpy.Context() as context:  # one participant cannot have two types on a topic
        device = rclpy.create_node("device", context=context)
        device.create_publisher(Int8, "estop", 10)
        sentence = "as std_msgs/msg/Int8, expected std_msgs/msg/Bool: its messages are not received"
        around.play_until(lambda: sentence in around.call("arm").message)
        device.destroy_node()
    around.arm()


@pytest.mark.parametrize("parameters", [{"enabling_device_required": True}])
@pytest.mark.parametrize("reliability", [ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT])
def test_an_enabling_switch_is_received_whatever_its_publisher_offers(
    around: Neighbours, reliability: ReliabilityPolicy
) -> None:
    around.node.destroy_publisher(around.enabling_publisher)
    profile = QoSProfile(depth=1, reliability=reliability)
    around.enabling_publisher = around.node.create_publisher(Bool, "enabling_device", profile)
    around.enabling_device = True
    around.arm()


def test_an_estop_pressed_before_the_node_started_is_seen(around: Neighbours) -> None:
    around.estop.publish(Bool(data=True))
    around.play_until(lambda: around.mode() == SafetyState.STOPPED)
    around.restart_safety()
    around.memory = SafetyMemory(
        SafetyState.CAUSE_SAFETY_RESTARTED
    )  # a bridge that knows nothing: the topic must report it
    around.play_until(lambda: around.states and around.states[-1].cause == SafetyState.CAUSE_ESTOP)
    assert "latched by the safety process before this one" not in around.states[-1].text


@pytest.mark.node
def test_the_estop_service_stops_as_the_topic_does_and_releases_only_itself(around: Neighbours) -> None:
    around.arm()
    assert around.call("estop", SetBool, data=True).success
    around.play_until(lambda: around.mode() == SafetyState.STOPPED)
    assert around.states[-1].cause == SafetyState.CAUSE_ESTOP
    around.estop.publish(Bool(data=False))
    assert "~/estop was called with true" in around.call("reset").message
    assert "stopped as before" in around.call("estop", SetBool, data=False).message
    around.play_until(lambda: around.call("reset").success)


@pytest.mark.node
@pytest.mark.parametrize("parameters", [{"enabling_device_required": True}])
def test_with_an_enabling_device_commands_pass_only_while_it_is_held(around: Neighbours) -> None:
    around.play_until(lambda: "enabling_device has not come" in around.call("arm").message)
    around.enabling_device = True
    around.arm()
    around.enabling_device = None
    around.play_until(lambda: around.mode() == SafetyState.STOPPED)
    assert around.states[-1].cause == SafetyState.CAUSE_ENABLING_DEVICE


@pytest.mark.node
@pytest.mark.parametrize("topic", ["command/proposed", "command/safe"])
def test_a_second_publisher_on_a_command_topic_stops_by_name(around: Neighbours, topic: str) -> None:
    around.arm()
    second = around.node.create_publisher(JointCommand, topic, qos.command(PERIOD_S))
    around.play_until(lambda: around.mode() == SafetyState.STOPPED)
    assert around.states[-1].cause == SafetyState.CAUSE_SECOND_PUBLISHER
    assert f"'/{topic}' has 2 publishers" in around.states[-1].text
    around.node.destroy_publisher(second)


@pytest.mark.node
@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        (ActionChunk, "action_chunk"),
        (Observation, "observation"),
        (PerceptionStatus, "perception_status"),
        (RobotStateMsg, "robot_state"),
        (BridgeState, "bridge_state"),
        (SafetyState, "safety_state"),
        (Image, "camera/external/image"),
        (CompressedImage, "camera/external/image/compressed"),
    ],
)
def test_arming_is_refused_while_two_nodes_publish_on_any_link_of_the_line(
    around: Neighbours, kind: Any, topic: str
) -> None:
    publishers = [around.node.create_publisher(kind, topic, 1) for _ in range(2)]
    around.play_until(lambda: f"'/{topic}' has " in around.call("arm").message)
    for publisher in publishers:
        around.node.destroy_publisher(publisher)
    around.arm()


def test_an_estop_service_that_was_called_before_a_restart_must_be_released_after_it(around: Neighbours) -> None:
    around.arm()
    assert around.call("estop", SetBool, data=True).success
    around.play_until(lambda: around.mode() == SafetyState.STOPPED)
    around.restart_safety()
    around.play_until(lambda: around.mode() == SafetyState.STOPPED)
    assert around.states[-1].cause == SafetyState.CAUSE_ESTOP
    assert "call it with false" in around.call("reset").message
    assert around.call("estop", SetBool, data=False).success
    around.play_until(lambda: around.call("reset").success)


def test_the_node_works_after_it_was_cleaned_up_and_configured_again(around: Neighbours) -> None:
    around.arm()
    for transition in ("deactivate", "cleanup", "configure", "activate"):
        getattr(around.safety, f"trigger_{transition}")()
    around.play_until(lambda: around.node.count_publishers("command/safe") == 1)
    around.play_until(lambda: around.mode() == SafetyState.STOPPED)
    around.play_until(lambda: around.call("reset").success)
    around.arm()
    around.safe.clear()

    def move() -> None:
        """Move; where this computer was too busy for that, reset and arm once more."""
        if around.mode() == SafetyState.STOPPED and around.call("reset").success:
            around.arm()
        around.move()

    around.play_until(lambda: around.safe, move)


@pytest.mark.parametrize("parameters", [{"heartbeat_rate_hz": 50.0}])
def test_a_stop_is_logged_once_though_it_is_first_published_as_a_heartbeat(around: Neighbours, capfd: Any) -> None:
    around.arm()
    around.play_until(lambda: around.mode() != SafetyState.ARMED, lambda: None)  # no neighbour publishes any more
    log = capfd.readouterr().err
    assert log.count(f"]: stopping: {around.states[-1].text}") == 1


def test_a_stop_outlives_the_process_that_latched_it(around: Neighbours) -> None:
    around.arm()
    around.stop_and_stand()
    around.restart_safety()
    around.play_until(lambda: around.mode() == SafetyState.STOPPED)
    assert around.states[-1].cause == SafetyState.CAUSE_OPERATOR_STOP
    assert "latched by the safety process before this one" in around.states[-1].text
    assert not around.call("arm").success
    around.play_until(lambda: around.call("reset").success)
    around.arm()


@pytest.mark.node
def test_safety_that_died_armed_comes_back_stopped(around: Neighbours) -> None:
    around.arm()
    around.restart_safety()
    around.play_until(lambda: around.mode() == SafetyState.STOPPED)
    assert SafetyState.ARMED not in {state.mode for state in around.states}
    assert around.states[-1].cause == SafetyState.CAUSE_SAFETY_RESTARTED


@pytest.mark.node
def test_a_restart_of_a_safety_that_had_nothing_latched_needs_no_reset(around: Neighbours) -> None:
    around.play_until(lambda: around.states)
    around.restart_safety()
    around.arm()


def _embodiment_with_a_stop_service(folder: Path) -> Path:
    content = yaml.safe_load((share_folder() / "config" / "embodiments" / "droid.yaml").read_text())
    for driver in content["drivers"].values():
        driver["stop_service"] = "robot/stop"
    path = folder / "config" / "embodiments" / "robot.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(content))
    shutil.copytree(share_folder() / "urdf", folder / "urdf")
    return path


@pytest.mark.node
@pytest.mark.parametrize("is_there", [True, False])
def test_a_stop_that_cannot_be_proven_calls_the_robots_own_once_and_says_what_it_answered(
    is_there: bool, tmp_path: Path, ros_domain: int
) -> None:
    around = Neighbours(embodiment=_embodiment_with_a_stop_service(tmp_path), stop_time_max_s=0.5)
    calls: list[Trigger.Request] = []

    def stop_robot(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        calls.append(request)
        response.success, response.message = True, "brakes applied"
        return response

    if is_there:
        around.node.create_service(Trigger, "robot/stop", stop_robot)
    around.arm()
    around.velocity = 0.5
    assert around.call("stop").success
    words = "robot/stop) answered: done, brakes applied" if is_there else "robot/stop) is not there"
    around.play_until(lambda: words in around.states[-1].text)
    count = len(around.states)
    around.play_until(lambda: len(around.states) > count + 3)
    assert len(calls) == is_there
    assert (around.mode(), around.states[-1].cause) == (SafetyState.STOPPING, SafetyState.CAUSE_OPERATOR_STOP)
    around.destroy()


@pytest.mark.node
def test_a_robot_that_still_moves_is_stopping_and_not_stopped(around: Neighbours) -> None:
    around.arm()
    around.velocity = 0.5
    assert around.call("stop").success
    count = len(around.states)
    around.play_until(lambda: len(around.states) > count + 3)
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
    settings = list(settings_in(SafetyParams))
    results = around.safety.set_parameters([Parameter(setting.name, value=setting.default) for setting in settings])
    assert len(results) > len(dataclasses.fields(Settings))
    assert not any(result.successful for result in results)


@pytest.mark.node
def test_the_safety_process_never_loads_torch_nor_other_rooms() -> None:
    code = "import sys, molmoact2_ros.nodes.safety_node; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=DOCUMENT.parent)
    loaded = set(done.stdout.split())
    rooms = {name.split(".")[1] for name in loaded if name.startswith("molmoact2_ros.")}
    assert "torch" not in loaded
    assert rooms - {"msg"} == {"embodiment", "interfaces", "nodes", "ros", "safety", "schema", "timing"}


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
        ({"wrist": PerceptionStatus.WRONG}, Cause.WRONG_CAMERA),
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


@pytest.mark.parametrize(("received", "receives_us"), [(7, True), (0, False), (8, False)])
def test_the_bridge_says_which_safety_process_it_receives_and_what_one_before_it_left(
    received: int, receives_us: bool
) -> None:
    message = BridgeState(safety_instance_id=received, former_cause=SafetyState.CAUSE_ESTOP, former_text="pressed")
    report = bridge_report_from_msg(message, instance_id=7)
    assert (report.receives_us, report.former) == (receives_us, Verdict(Cause.ESTOP, "pressed"))
    assert bridge_report_from_msg(BridgeState(), instance_id=7).former is None
    unknown = bridge_report_from_msg(BridgeState(former_cause=999, former_text="newer"), instance_id=7)
    assert unknown.former == Verdict(Cause.SAFETY_RESTARTED, "newer")


def test_a_stop_travels_with_its_evidence() -> None:
    stop = Verdict(Cause.POSITION_LIMIT, "too far", "joint2", 3, 1.7, 1.67)
    message = snapshot_to_msg(Snapshot(Mode.STOPPED, "too far", stop, 7, 3, 3, stop), 1_500_000_000)
    assert (message.mode, message.cause, message.joint) == (3, SafetyState.CAUSE_POSITION_LIMIT, "joint2")
    assert (message.value, message.limit, message.passed_sequence) == (1.7, 1.67, 7)
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (1, 500_000_000)


def test_every_cause_that_the_document_explains_exists_and_every_check_is_explained() -> None:
    explained = set(re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \|", DOCUMENT.read_text(), flags=re.MULTILINE))
    names = {name for row in explained for name in re.findall(r"[A-Z_]+", row)}
    assert names == {cause.name for cause in Cause} - {"NONE"}


@pytest.mark.node
@pytest.mark.parametrize("parameters", [{"autostart": False}])
def test_safety_passes_commands_after_twenty_life_cycles(around: Neighbours) -> None:
    repeat_life_cycle(around.safety, around.executor)
    around.arm()
    around.play_until(lambda: around.commands.get_subscription_count() == 1)
    # Not when it arrives: a command's lifespan is short, and a busy machine may outlast it.
    around.play_until(lambda: around.states[-1].passed_sequence, lambda: (around.play(), around.propose()))
    assert around.node.count_publishers("command/safe") == 1
