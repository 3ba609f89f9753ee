# SPDX-License-Identifier: Apache-2.0
"""The interpolator node from the outside: real topics and qualities of service, one process, its own domain."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from fakes.lifecycle_manager import repeat_life_cycle
from fakes.neighbours import AroundNode
from rclpy.qos import ReliabilityPolicy

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.action_chunk import ActionChunk
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interpolation.ensemble import Ensemble
from molmoact2_ros.interpolation.example import ExampleMotion
from molmoact2_ros.msg import ActionChunk as ActionChunkMsg
from molmoact2_ros.msg import JointCommand, SafetyState
from molmoact2_ros.msg import RobotState as RobotStateMsg
from molmoact2_ros.nodes.interpolator_node import InterpolatorNode
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import command_from_msg, robot_state_to_msg, to_array, to_stamp
from molmoact2_ros.safety import cubic

pytestmark = pytest.mark.node

DROID = Embodiment.load("droid")
PERIOD_S = 1 / DROID.command_rate_hz


class Neighbours(AroundNode):
    """Bridge, policy and safety around the interpolator, in one node. This safety passes all that has points."""

    interpolator = property(lambda self: self.tested)
    SPINS, SPIN_S = 1, 0.05

    def __init__(self, **parameters: object) -> None:
        super().__init__(InterpolatorNode, **parameters)
        assert self.started, self.interpolator.failure
        self.motion = ExampleMotion(DROID)
        self.commands: list[JointCommand] = []
        self.diagnostics: list[DiagnosticArray] = []
        self.refused = self.passed = self.sequence = 0
        self.mode = SafetyState.DISARMED
        self.state = self.motion.state(self.now_ns())
        self.node.create_subscription(JointCommand, "command/proposed", self._on_command, qos.command(PERIOD_S))
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self.diagnostics.append, 10)
        self.chunks = self.node.create_publisher(ActionChunkMsg, "action_chunk", qos.CHUNK)
        self.robot = self.node.create_publisher(RobotStateMsg, "robot_state", qos.STATE)
        self.safety = self.node.create_publisher(SafetyState, "safety_state", qos.LATCHED)

    safety_runs = True

    def _on_command(self, message: JointCommand) -> None:
        self.commands.append(message)
        if message.points:
            self.passed = message.sequence
        else:
            self.refused += 1
        if self.safety_runs:
            self.publish_safety()

    def publish_safety(self, mode: int | None = None) -> None:
        self.mode = self.mode if mode is None else mode
        self.safety.publish(SafetyState(mode=self.mode, passed_sequence=self.passed, refused=self.refused))

    def publish_robot(self) -> None:
        state = RobotState(self.now_ns(), self.state.names, self.state.positions, self.state.velocities)
        self.robot.publish(robot_state_to_msg(state, "base"))

    def publish_chunk(self, corrupt: Callable[[ActionChunk], ActionChunk] = lambda chunk: chunk) -> None:
        """Infer in no time, from an observation of now."""
        self.sequence += 1
        chunk = corrupt(self.motion.chunk(self.now_ns(), self.sequence))
        message = ActionChunkMsg(sequence=chunk.sequence, step_s=chunk.step_s, horizon=len(chunk.positions))
        message.header.stamp = to_stamp(chunk.stamp_ns)
        message.names = list(chunk.names)
        message.positions = to_array("d", chunk.positions.astype(np.float64))
        self.chunks.publish(message)

    def last(self) -> object:
        return self.commands[-1:]

    def says(self, text: str) -> bool:
        return bool(self.diagnostics) and self.diagnostics[-1].status[0].message == text

    def next_report(self) -> None:
        """Wait for the next diagnostics: a second, fifty ticks."""
        count = len(self.diagnostics)
        self.play_until(lambda: len(self.diagnostics) > count)

    def armed(self) -> Neighbours:
        """Arm, and wait for the first holds."""
        self.publish_robot()
        self.publish_safety(SafetyState.ARMED)
        self.play_until(lambda: len(self.commands) >= 3)
        return self


@pytest.fixture
def neighbours(around: Callable[..., Neighbours], request: pytest.FixtureRequest) -> Neighbours:
    """Start the node, with the parameters of an indirect parametrisation."""
    neighbours = around(**getattr(request, "param", {}))
    neighbours.play_until(neighbours.chunks.get_subscription_count)
    neighbours.play_until(neighbours.safety.get_subscription_count)
    return neighbours


def _follows(neighbours: Neighbours, sequence: int) -> Callable[[], bool]:
    return lambda: neighbours.commands[-1].chunk_sequence >= sequence


def test_nothing_is_proposed_until_safety_is_armed(neighbours: Neighbours) -> None:
    neighbours.publish_robot()
    neighbours.publish_safety(SafetyState.DISARMED)
    neighbours.next_report()
    assert neighbours.commands == []


def test_armed_node_holds_the_measured_pose(neighbours: Neighbours) -> None:
    command = command_from_msg(neighbours.armed().commands[-1])
    np.testing.assert_allclose(command.positions, np.tile(neighbours.state.positions, (6, 1)))
    assert (command.names, command.chunk_sequence, command.observation_ns) == (DROID.joint_names, 0, 0)


def test_chunks_become_commands_that_continue_each_other_and_end_at_rest(neighbours: Neighbours) -> None:
    neighbours.armed()
    for sequence in range(1, 6):
        neighbours.publish_chunk()
        neighbours.play_until(_follows(neighbours, sequence))
    commands = [command_from_msg(message) for message in neighbours.commands]
    for before, after in itertools.pairwise(commands):
        position, velocity = cubic.evaluate(before, after.start_ns)
        np.testing.assert_allclose(after.positions[0], position, atol=1e-9)
        np.testing.assert_allclose(after.velocities[0], velocity, atol=1e-9)
        assert not after.velocities[-1].any()


@pytest.mark.parametrize(
    "neighbours",
    [{"mode": mode, "seam": "correction", "blend_s": 0.85} for mode in ("receding", "ensemble", "rtc")],
    indirect=True,
)
def test_the_mode_parameter_reaches_the_timeline_and_commands_continue_each_other(neighbours: Neighbours) -> None:
    mode = neighbours.interpolator.params.settings.mode
    neighbours.armed()
    for sequence in range(1, 4):
        neighbours.publish_chunk()
        neighbours.play_until(_follows(neighbours, sequence))
    assert isinstance(neighbours.interpolator._interpolator._timeline, Ensemble) == (mode == "ensemble")
    commands = [command_from_msg(message) for message in neighbours.commands]
    for before, after in itertools.pairwise(commands):
        position, velocity = cubic.evaluate(before, after.start_ns)
        np.testing.assert_allclose(after.positions[0], position, atol=1e-9)
        np.testing.assert_allclose(after.velocities[0], velocity, atol=1e-9)


@pytest.mark.parametrize(
    ("parameter", "sentence"),
    [
        ("mode:=magic", "mode: expected one of receding, ensemble, rtc, got 'magic'"),
        ("seam:=glue", "seam: expected one of fade, correction, got 'glue'"),
    ],
)
def test_an_unknown_mode_or_seam_fails_configure(ros_domain: int, parameter: str, sentence: str) -> None:
    rclpy.init(args=["--ros-args", "-p", parameter])
    node = InterpolatorNode()
    assert not node.autostart()
    assert sentence in node.failure
    node.destroy_node()


def test_a_decay_outside_its_range_is_refused_with_the_range(ros_domain: int) -> None:
    rclpy.init(args=["--ros-args", "-p", "ensemble_decay:=9.0"])
    with pytest.raises(ValueError, match=r"ensemble_decay .* from -5.0 to 5.0"):
        InterpolatorNode()


def test_chunk_with_nan_is_refused_by_name_and_the_next_good_one_is_followed(neighbours: Neighbours) -> None:
    neighbours.armed().publish_chunk()
    neighbours.play_until(_follows(neighbours, 1))
    neighbours.publish_chunk(lambda chunk: replace(chunk, positions=chunk.positions * np.nan))
    neighbours.play_until(lambda: neighbours.refused)
    assert neighbours.commands[-1].rejection_cause == SafetyState.CAUSE_NOT_FINITE
    neighbours.publish_chunk()
    neighbours.play_until(lambda: neighbours.passed == neighbours.commands[-1].sequence and _follows(neighbours, 3)())
    assert neighbours.commands[-1].rejected_chunks == 0


@pytest.mark.parametrize(
    "corrupt",
    [
        lambda chunk: replace(chunk, positions=chunk.positions[:, :7]),
        lambda chunk: replace(chunk, positions=np.tile(chunk.positions, (700, 1))),
        lambda chunk: replace(chunk, positions=chunk.positions[:2]),
        lambda chunk: replace(chunk, step_s=1e-6),
    ],
)
def test_chunk_of_a_wrong_shape_becomes_a_command_without_points_that_says_so(
    neighbours: Neighbours, corrupt: Callable[[ActionChunk], ActionChunk]
) -> None:
    neighbours.armed().publish_chunk(corrupt)
    neighbours.play_until(lambda: neighbours.refused)
    message = neighbours.commands[-1]
    assert (message.points, message.rejection_cause) == (0, SafetyState.CAUSE_WRONG_SHAPE)
    assert message.rejection_text.startswith("chunk 1 has a wrong shape: expected")


def test_chunks_from_the_future_are_counted_by_every_command_and_in_diagnostics(neighbours: Neighbours) -> None:
    neighbours.armed()
    for _ in range(2):
        neighbours.publish_chunk(lambda chunk: replace(chunk, stamp_ns=chunk.stamp_ns + 900_000_000))
        neighbours.play_until(lambda: neighbours.commands[-1].rejected_chunks == neighbours.sequence)
    message = neighbours.commands[-1]
    assert (message.rejected_chunks, message.rejection_cause) == (2, SafetyState.CAUSE_STALE_OBSERVATION)
    assert message.points > 1
    neighbours.next_report()
    neighbours.play_until(lambda: neighbours.says(f"2 chunks were not followed: {message.rejection_text}"))


@pytest.mark.parametrize("mode", [SafetyState.DISARMED, SafetyState.STOPPING, SafetyState.STOPPED])
def test_proposals_end_when_safety_leaves_armed(neighbours: Neighbours, mode: int) -> None:
    neighbours.armed().publish_chunk()
    neighbours.play_until(_follows(neighbours, 1))
    neighbours.publish_safety(mode)
    neighbours.play_until(lambda: neighbours.says("waiting for safety to be armed"))
    count = len(neighbours.commands)
    neighbours.next_report()
    assert len(neighbours.commands) == count


def test_a_safety_that_falls_silent_is_proposed_nothing_until_it_speaks_again(neighbours: Neighbours) -> None:
    neighbours.armed()
    neighbours.safety_runs = False
    neighbours.next_report()  # an earlier one may still say that it waits
    neighbours.play_until(lambda: neighbours.says("waiting for safety to be armed"))
    count = len(neighbours.commands)
    neighbours.next_report()
    assert len(neighbours.commands) == count
    neighbours.safety_runs = True
    neighbours.armed()
    neighbours.play_until(lambda: len(neighbours.commands) > count)


def test_deactivated_node_proposes_nothing_although_safety_stays_armed(neighbours: Neighbours) -> None:
    neighbours.armed()
    neighbours.interpolator.trigger_deactivate()
    neighbours.publish_safety(SafetyState.ARMED)
    neighbours.next_report()
    count = len(neighbours.commands)
    neighbours.next_report()
    assert len(neighbours.commands) == count


def test_interpolator_proposes_commands_after_twenty_life_cycles(around: Callable[..., Neighbours]) -> None:
    neighbours = around(autostart=False)
    repeat_life_cycle(neighbours.interpolator, neighbours.executor)
    neighbours.play_until(neighbours.chunks.get_subscription_count)
    neighbours.play_until(neighbours.safety.get_subscription_count)
    neighbours.armed()
    neighbours.publish_chunk()
    neighbours.play_until(_follows(neighbours, 1))
    assert neighbours.node.count_publishers("command/proposed") == 1


def test_diagnostics_carry_the_figures_that_reports_need(neighbours: Neighbours) -> None:
    neighbours.armed().publish_chunk()
    neighbours.play_until(lambda: len(neighbours.diagnostics) >= 2)
    values = {value.key: value.value for value in neighbours.diagnostics[-1].status[0].values}
    assert int(values["commands"]) > 10
    assert int(values["chunks"]) == 1
    assert int(values["starved_ticks"]) >= 0
    for key in ("max_seam_velocity_step_rad_s", "seam_offset_rad", "chunk_age_s", "state_age_s"):
        assert np.isfinite(float(values[key]))
    for status in neighbours.diagnostics[-1].status[1:]:
        stage = {value.key: float(value.value) for value in status.values}
        assert (status.hardware_id, stage["budget_ms"]) == ("droid", 10.0)
        assert stage["samples"] > 10


def test_old_commands_are_not_delivered_to_a_late_reader(neighbours: Neighbours) -> None:
    publishers = neighbours.node.get_publishers_info_by_topic("/command/proposed")
    (profile,) = [info.qos_profile for info in publishers]
    assert profile.reliability is ReliabilityPolicy.RELIABLE
    assert profile.lifespan.nanoseconds == round(2e9 * PERIOD_S)
