# SPDX-License-Identifier: Apache-2.0
"""What safety does with what it receives: what passes, what stops, what arming and reset ask for.

Each fault is one change to an otherwise clean run of the fake in `fakes/guarded_robot.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from fakes.guarded_robot import PERIOD_S, GuardedRobot

from molmoact2_ros.interfaces.action_chunk import ChunkRejection, RejectionCause
from molmoact2_ros.interfaces.safety_state import Cause, Estop, Mode, Verdict
from molmoact2_ros.safety import BridgeReport, PerceptionReport
from molmoact2_ros.timing import Instant

Break = Callable[[GuardedRobot], object]


def _stopped_by(robot: GuardedRobot) -> Cause:
    stop = robot.monitor.snapshot.stop
    return stop.cause if stop else Cause.NONE


def _stopped(robot: GuardedRobot) -> GuardedRobot:
    """Stop by an operator and stand until that is known."""
    robot.monitor.stop("stop", robot.now)
    robot.stand().rest(0.2)
    assert robot.monitor.mode is Mode.STOPPED
    return robot


def test_a_clean_run_passes_every_command() -> None:
    robot = GuardedRobot().arm().drive(500)
    snapshot = robot.monitor.snapshot
    assert (snapshot.mode, snapshot.passed_sequence, snapshot.refused) == (Mode.ARMED, 500, 0)


def test_holding_needs_neither_perception_nor_policy() -> None:
    robot = GuardedRobot()
    robot.follows_chunks = False
    robot.silent = {"perception"}
    assert robot.arm().drive(200).monitor.mode is Mode.ARMED


@pytest.mark.parametrize("stop_first", [False, True])
def test_nothing_passes_unless_armed(stop_first: bool) -> None:
    robot = GuardedRobot().rest(0.2)
    if stop_first:
        robot.monitor.stop("stop", robot.now)
    assert not robot.drive(50).passed
    assert robot.monitor.snapshot.refused == 0


@pytest.mark.parametrize(
    ("silent", "cause"),
    [
        ({"state"}, Cause.STALE_STATE),
        ({"state", "bridge"}, Cause.BRIDGE_SILENT),
        ({"bridge"}, Cause.BRIDGE_SILENT),
        ({"commands"}, Cause.INTERPOLATOR_SILENT),
        ({"perception"}, Cause.PERCEPTION_SILENT),
    ],
    ids=str,
)
def test_a_neighbour_that_falls_silent_in_motion_stops_the_robot_by_name(silent: set[str], cause: Cause) -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.silent = silent
    robot.drive(50)
    assert _stopped_by(robot) is cause


@pytest.mark.parametrize("periods_since_heartbeat", range(5))
@pytest.mark.parametrize(("bridge_dies", "cause"), [(True, Cause.BRIDGE_SILENT), (False, Cause.STALE_STATE)])
def test_a_dead_bridge_is_distinguished_from_a_dead_driver_at_any_phase_of_its_10_hz_heartbeat(
    periods_since_heartbeat: int, bridge_dies: bool, cause: Cause
) -> None:
    robot = GuardedRobot().arm().drive(50)
    for period in range(1, 20):
        robot.silent = {"bridge"} if (period + periods_since_heartbeat) % 5 else set()
        if period > 5:
            robot.silent |= {"state"} | ({"bridge"} if bridge_dies else set())
        robot.drive(1)
    assert _stopped_by(robot) is cause


@pytest.mark.parametrize(
    "cause", [Cause.STALE_CAMERA, Cause.FROZEN_CAMERA, Cause.WRONG_CAMERA, Cause.STALE_STATE, Cause.FROZEN_STATE]
)
def test_perception_that_is_not_ready_stops_with_the_cause_it_gives(cause: Cause) -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.perception = PerceptionReport(False, cause, "external camera: 0.4 s old")
    assert _stopped_by(robot.drive(14)) is Cause.NONE
    assert _stopped_by(robot.drive(10)) is cause
    assert "external camera" in robot.monitor.snapshot.text


def test_perception_that_dies_just_when_a_frame_is_late_is_named_as_dead() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.perception = PerceptionReport(False, Cause.STALE_CAMERA, "skewed")
    robot.drive(1)
    robot.silent = {"perception"}
    assert _stopped_by(robot.drive(24)) is Cause.NONE
    assert _stopped_by(robot.drive(10)) is Cause.PERCEPTION_SILENT


def test_perception_that_recovers_in_time_stops_nothing() -> None:
    robot = GuardedRobot().arm().drive(60)
    for _ in range(5):
        robot.perception = PerceptionReport(False, Cause.STALE_CAMERA, "late")
        robot.drive(10)
        robot.perception = PerceptionReport(True)
        robot.drive(1)
    assert robot.monitor.mode is Mode.ARMED


@pytest.mark.parametrize("holds", [False, True], ids=["the interpolator keeps on", "the interpolator holds"])
def test_a_policy_that_dies_is_named_while_perception_is_ready(holds: bool) -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.chunks_end_at, robot.follows_chunks = 60, not holds
    assert _stopped_by(robot.drive(34)) is Cause.NONE
    assert _stopped_by(robot.drive(6)) is Cause.POLICY_SILENT


def _rejecting(robot: GuardedRobot, periods: int, rejection: ChunkRejection, every: int = 4) -> GuardedRobot:
    """Drive while the interpolator rejects one more chunk every so many periods."""
    for period in range(periods):
        robot.drive(1, rejection=dataclasses.replace(rejection, count=1 + period // every))
    return robot


AHEAD = ChunkRejection(1, RejectionCause.STALE_OBSERVATION, "chunk 9 is stamped in the future: clocks differ")
SHORT = ChunkRejection(1, RejectionCause.WRONG_SHAPE, "chunk 9 has 2 rows")


@pytest.mark.parametrize(("rejection", "cause"), [(AHEAD, Cause.STALE_OBSERVATION), (SHORT, Cause.WRONG_SHAPE)])
def test_a_policy_whose_chunks_are_not_followed_is_not_called_silent(rejection: ChunkRejection, cause: Cause) -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.chunks_end_at = 60
    assert _stopped_by(_rejecting(robot, 34, rejection)) is Cause.NONE
    assert _stopped_by(_rejecting(robot, 6, rejection)) is cause
    assert rejection.text in robot.monitor.snapshot.text


def test_a_policy_that_dies_after_a_chunk_that_was_not_followed_is_named_as_silent() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.chunks_end_at = 60
    assert _stopped_by(robot.drive(40, rejection=AHEAD)) is Cause.POLICY_SILENT


def test_a_robot_that_waits_for_chunks_of_which_none_is_followed_is_stopped_by_their_cause() -> None:
    robot = GuardedRobot()
    robot.follows_chunks = False
    assert _stopped_by(_rejecting(robot.arm(), 40, AHEAD)) is Cause.NONE
    assert _stopped_by(_rejecting(robot, 60, AHEAD)) is Cause.STALE_OBSERVATION


def test_chunks_of_observations_from_before_arming_stop_nothing() -> None:
    robot = GuardedRobot()
    robot.follows_chunks = False
    assert _stopped_by(_rejecting(robot.arm(), 100, AHEAD, every=50)) is Cause.NONE


def test_a_rejection_with_a_cause_that_no_chunk_can_have_stops_nothing_by_an_error() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.chunks_end_at = 60
    assert _stopped_by(_rejecting(robot, 40, ChunkRejection(1, 65535, "x" * 10**6))) is Cause.WRONG_SHAPE
    assert len(robot.monitor.snapshot.text) < 1000


def test_a_rest_that_an_operator_asked_for_needs_neither_policy_nor_perception() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.follows_chunks, robot.silent = False, {"perception"}
    assert _stopped_by(robot.drive(100, operator_requested=True)) is Cause.NONE
    assert robot.monitor.mode is Mode.ARMED


def test_a_policy_that_dies_when_motion_follows_it_again_after_a_rest_is_named() -> None:
    robot = GuardedRobot().arm().drive(30)
    robot.follows_chunks = False
    robot.drive(60, operator_requested=True)
    robot.follows_chunks = True
    robot.drive(10)
    robot.chunks_end_at = robot.commands
    assert _stopped_by(robot.drive(60)) is Cause.POLICY_SILENT


def test_a_policy_that_dies_is_named_though_its_last_chunk_was_old_when_it_came() -> None:
    robot = GuardedRobot()
    robot.observation_age_ns = 500_000_000
    robot.arm().drive(60)
    robot.chunks_end_at = 60
    assert _stopped_by(robot.drive(40)) is Cause.POLICY_SILENT


def test_a_policy_that_is_slow_but_alive_gives_a_stale_observation() -> None:
    robot = GuardedRobot().arm().drive(60)
    for _ in range(60):
        robot.observation_age_ns += 20_000_000
        robot.drive(1)
    assert _stopped_by(robot) is Cause.STALE_OBSERVATION


def test_an_observation_that_runs_out_while_a_camera_fails_is_blamed_on_the_camera() -> None:
    robot = GuardedRobot(perception_not_ready_max_s=5.0).arm().drive(60)
    robot.perception = PerceptionReport(False, Cause.STALE_CAMERA, "late")
    robot.chunks_end_at = 60
    assert _stopped_by(robot.drive(60)) is Cause.STALE_CAMERA


def test_a_single_late_frame_is_not_blamed_for_an_observation_that_ran_out() -> None:
    robot = GuardedRobot().arm().drive(60)
    while _stopped_by(robot) is Cause.NONE:
        robot.observation_age_ns += 20_000_000
        robot.perception = PerceptionReport(True)
        robot.drive(1)
        robot.perception = PerceptionReport(False, Cause.STALE_CAMERA, "skewed")
        robot.drive(1)
    assert _stopped_by(robot) is Cause.STALE_OBSERVATION


def test_a_bridge_that_holds_for_a_reason_of_its_own_stops_the_robot() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.bridge = BridgeReport(Cause.SECOND_PUBLISHER, "another node publishes")
    assert _stopped_by(robot.drive(40)) is Cause.SECOND_PUBLISHER


def test_a_bridge_that_names_a_second_publisher_blocks_arming() -> None:
    robot = GuardedRobot().rest(0.2)
    robot.bridge = BridgeReport(Cause.SECOND_PUBLISHER, "'joint_states' has several sources of knuckle")
    reply = robot.rest(0.2).monitor.arm(robot.now)
    assert not reply.done
    assert "the bridge says: 'joint_states' has several sources of knuckle" in reply.text


def test_a_bridge_that_still_holds_at_arming_has_time_to_see_it() -> None:
    robot = GuardedRobot()
    robot.bridge = BridgeReport(Cause.STALE_COMMAND, "a command came while safety was not seen to arm")
    assert robot.arm().rest(0.9).monitor.mode is Mode.ARMED
    assert robot.drive(20).monitor.mode is Mode.ARMED
    assert _stopped_by(robot.drive(20)) is Cause.STALE_COMMAND


def test_an_armed_robot_that_gets_no_first_command_is_stopped() -> None:
    robot = GuardedRobot().arm()
    assert robot.rest(0.9).monitor.mode is Mode.ARMED
    assert _stopped_by(robot.rest(0.2)) is Cause.INTERPOLATOR_SILENT


def test_a_robot_fault_stops_at_once_and_blocks_the_reset() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.fault = "reflex: joint torque"
    robot.drive(1).stand().rest(1.0)
    assert _stopped_by(robot) is Cause.ROBOT_FAULT
    assert "reflex: joint torque" in robot.monitor.reset(robot.now).text
    robot.fault = ""
    assert robot.rest(0.1).monitor.reset(robot.now).done


def test_a_robot_that_stays_away_from_its_commands_stops_for_that_and_not_for_a_jump() -> None:
    robot = GuardedRobot().arm().hold(20)
    robot.measured_off[2] = 0.08
    assert _stopped_by(robot.hold(15)) is Cause.NONE
    stop = robot.hold(3).monitor.snapshot.stop
    assert stop is not None
    assert (stop.cause, stop.joint) == (Cause.TRACKING_ERROR, "joint3")
    assert (stop.value, stop.limit) == (pytest.approx(0.08), robot.settings.tracking_error_arm_rad)
    assert robot.monitor.snapshot.refused == 0


def test_a_robot_that_is_off_for_moments_goes_on() -> None:
    robot = GuardedRobot().arm()
    for _ in range(10):
        robot.measured_off[2] = 0.08
        robot.hold(12)
        robot.measured_off[2] = 0.0
        robot.hold(1)
    assert robot.monitor.mode is Mode.ARMED


def test_a_robot_may_be_late_by_the_delay_of_its_controllers() -> None:
    robot = GuardedRobot().arm()
    for _ in range(200):
        robot.measured_off = -0.09 * robot.velocities  # arm joints; 90 ms
        robot.drive(1)
    assert robot.monitor.mode is Mode.ARMED


def test_a_gripper_that_holds_an_object_is_no_tracking_error() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.measured_off[-1] = 0.5
    assert robot.drive(100).monitor.mode is Mode.ARMED


def test_a_state_that_repeats_itself_while_commands_move_on_is_frozen() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.frozen = robot.state()
    stop = robot.drive(20).monitor.snapshot.stop
    assert stop is not None
    assert (stop.cause, stop.limit) == (Cause.FROZEN_STATE, robot.settings.frozen_state_arm_rad)
    assert "has not changed for" in stop.text


def test_a_state_that_comes_again_with_its_old_stamp_is_frozen_whatever_it_says() -> None:
    robot = GuardedRobot().arm().drive(60)
    stamp_ns = robot.state().stamp_ns
    robot.silent = {"state"}
    for _ in range(9):
        robot.drive(1)
        robot.monitor.on_robot_state(dataclasses.replace(robot.state(), stamp_ns=stamp_ns), robot.now)
    assert _stopped_by(robot) is Cause.FROZEN_STATE


def test_a_state_that_repeats_itself_while_the_robot_holds_is_no_news() -> None:
    robot = GuardedRobot().arm()
    robot.frozen = robot.state()
    assert robot.hold(100).monitor.mode is Mode.ARMED


def test_an_enabling_device_that_is_let_go_stops_and_need_not_be_held_for_the_reset() -> None:
    robot = GuardedRobot(enabling_device_required=True).rest(0.5)
    assert "enabling_device has not come" in robot.monitor.arm(robot.now).text
    robot.enabling_device = True
    assert robot.arm().drive(60).monitor.mode is Mode.ARMED
    robot.enabling_device = False
    assert _stopped_by(robot.drive(1)) is Cause.ENABLING_DEVICE
    robot.stand().rest(1.0)
    assert robot.monitor.reset(robot.now).done
    assert "is not held" in robot.monitor.arm(robot.now).text


def test_an_enabling_device_that_falls_silent_stops() -> None:
    robot = GuardedRobot(enabling_device_required=True)
    robot.enabling_device = True
    robot.arm().drive(60)
    robot.enabling_device = None
    assert _stopped_by(robot.drive(15)) is Cause.NONE
    assert _stopped_by(robot.drive(2)) is Cause.ENABLING_DEVICE


def test_a_second_publisher_of_commands_stops_by_name_and_blocks_arming() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.monitor.on_publishers("command/proposed", ["interpolator"], robot.now)
    assert robot.monitor.mode is Mode.ARMED
    robot.monitor.on_publishers("command/proposed", ["teleop", "interpolator"], robot.now)
    stop = robot.monitor.snapshot.stop
    assert stop is not None
    assert (stop.cause, stop.value, stop.limit) == (Cause.SECOND_PUBLISHER, 2.0, 1.0)
    assert "'command/proposed' has 2 publishers (interpolator, teleop)" in stop.text
    assert "teleop" in robot.stand().rest(1.0).monitor.reset(robot.now).text
    robot.monitor.on_publishers("command/proposed", ["interpolator"], robot.now)
    assert robot.monitor.reset(robot.now).done


@pytest.mark.parametrize("cause", [Cause.ESTOP, Cause.SAFETY_RESTARTED])
def test_a_stop_of_the_process_before_is_latched_again_and_needs_a_reset(cause: Cause) -> None:
    robot = GuardedRobot().rest(0.5)
    robot.bridge = BridgeReport(former=Verdict(cause, "the arm hit the bowl"))
    assert _stopped_by(robot.rest(0.02)) is cause
    assert "the arm hit the bowl (latched by the safety process before this one)" in robot.monitor.snapshot.text
    assert robot.rest(1.0).monitor.mode is Mode.STOPPED
    assert "call ~/reset first" in robot.monitor.arm(robot.now).text
    assert robot.monitor.reset(robot.now).done
    assert robot.rest(0.1).monitor.mode is Mode.DISARMED  # though the bridge still says so
    assert robot.monitor.arm(robot.now).done


def test_safety_is_not_armed_before_the_bridge_receives_it() -> None:
    robot = GuardedRobot().rest(0.5)
    robot.bridge = BridgeReport(receives_us=False)
    assert "does not receive this safety process" in robot.rest(0.1).monitor.arm(robot.now).text
    robot.bridge = BridgeReport()
    assert robot.rest(0.1).monitor.arm(robot.now).done


def test_a_bridge_that_receives_another_safety_process_stops_this_one() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.bridge = BridgeReport(receives_us=False)
    assert _stopped_by(robot.drive(2)) is Cause.BRIDGE_SILENT


@pytest.mark.parametrize("unmeasured", [False, True])
def test_a_stop_that_cannot_be_proven_in_time_asks_for_the_robots_own(unmeasured: bool) -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.monitor.stop("stop", robot.now)
    robot.silent = {"state"} if unmeasured else set()
    assert not robot.rest(1.9).monitor.overdue
    assert robot.rest(0.2).monitor.overdue
    assert "press its emergency stop" in robot.monitor.snapshot.text
    robot.monitor.on_robot_stop("the robot's own stop answered: done")
    assert robot.rest(0.1).monitor.snapshot.text.endswith("the robot's own stop answered: done")
    robot.silent = set()
    robot.stand().rest(0.5)
    assert (robot.monitor.mode, robot.monitor.overdue) == (Mode.STOPPED, False)
    assert robot.monitor.snapshot.text == "stop"


def test_a_refused_command_is_counted_and_one_that_passes_begins_the_count_again() -> None:
    robot = GuardedRobot().arm().drive(10).drive(2, step_s=1.0)
    assert (robot.monitor.snapshot.refused, robot.monitor.snapshot.refused_in_a_row) == (2, 2)
    robot.drive(1)
    snapshot = robot.monitor.snapshot
    assert (snapshot.mode, snapshot.refused, snapshot.refused_in_a_row) == (Mode.ARMED, 2, 0)
    assert snapshot.last_refusal is not None
    assert snapshot.last_refusal.cause is Cause.WRONG_SHAPE


def test_refusals_in_a_row_stop_with_the_cause_of_the_last_one() -> None:
    robot = GuardedRobot().arm().drive(10).drive(3, step_s=1.0)
    assert _stopped_by(robot) is Cause.WRONG_SHAPE
    assert robot.monitor.snapshot.passed_sequence == 10


def test_a_command_passes_as_it_came_even_with_its_joints_in_another_order() -> None:
    robot = GuardedRobot().arm()
    for _ in range(20):
        clean = robot.command(robot.commands)
        robot.drive(
            1, names=clean.names[::-1], positions=clean.positions[:, ::-1], velocities=clean.velocities[:, ::-1]
        )
    assert robot.monitor.snapshot.refused == 0
    assert robot.passed[0].names == robot.limits.names[::-1]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda robot: robot.silent.update({"state"}), "robot_state"),
        (lambda robot: robot.silent.update({"bridge"}), "bridge_state"),
        (lambda robot: setattr(robot, "fault", "user stop"), "user stop"),
        (lambda robot: setattr(robot, "velocities", robot.velocities + 0.1), "the robot moves (joint1 at 0.100 rad/s)"),
        (lambda robot: robot.monitor.on_estop(True, robot.now), "call ~/reset first"),
        (
            lambda robot: setattr(robot, "positions", robot.positions + 3.0),
            "joint1 stands at 3.0000 rad, outside -2.64",
        ),
    ],
    ids=["no state", "no bridge", "fault", "moving", "estop", "outside limits"],
)
def test_arming_is_refused_with_what_is_missing(fault: Break, words: str) -> None:
    robot = GuardedRobot().rest(0.5)
    fault(robot)
    reply = robot.rest(1.0).monitor.arm(robot.now)
    assert not reply.done
    assert words in reply.text


def test_a_robot_whose_state_was_lost_must_be_seen_standing_again_before_it_is_armed() -> None:
    robot = GuardedRobot().rest(0.5)
    robot.silent = {"state"}
    robot.rest(1.0)
    robot.silent = set()
    assert "not been seen to stand still for 0.1 s" in robot.rest(0.02).monitor.arm(robot.now).text
    assert robot.rest(0.2).monitor.arm(robot.now).done


def test_arming_twice_keeps_what_is_going_on() -> None:
    robot = GuardedRobot().arm().drive(20)
    assert robot.monitor.arm(robot.now).done
    assert robot.monitor.snapshot.passed_sequence == 20


def test_arming_again_forgets_commands_of_the_time_before() -> None:
    robot = _stopped(GuardedRobot().arm().drive(20)).rest(0.5)
    assert robot.monitor.reset(robot.now).done
    robot.positions, robot.velocities = robot.motion.state(0)
    robot.commands = 0  # the interpolator was started again
    assert robot.arm().drive(10).monitor.snapshot.passed_sequence == 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": ("joint1",)}, "robot_state has the joints joint1"),
        ({"positions": np.zeros(3)}, "3 positions and 8 velocities"),
        ({"velocities": np.full(8, np.nan)}, "nan as the velocity of joint1"),
    ],
    ids=["names", "size", "nan"],
)
def test_a_robot_state_that_cannot_be_read_counts_as_none(change: dict[str, object], words: str) -> None:
    robot = GuardedRobot().arm().drive(20)
    robot.silent = {"state"}
    for _ in range(15):
        robot.drive(1)
        robot.monitor.on_robot_state(dataclasses.replace(robot.state(), **change), robot.now)
    assert _stopped_by(robot) is Cause.STALE_STATE
    assert words in robot.monitor.snapshot.text


@pytest.mark.parametrize("offset_s", [-0.3, 0.3])
def test_a_robot_state_of_another_time_stops_the_robot(offset_s: float) -> None:
    robot = GuardedRobot().arm().drive(20)
    robot.silent = {"state"}
    stamped = dataclasses.replace(robot.state(), stamp_ns=robot.now.ros_ns + round(offset_s * 1e9))
    robot.monitor.on_robot_state(stamped, robot.now)
    assert _stopped_by(robot) is Cause.STALE_STATE


@pytest.mark.parametrize("jump_s", [-3600.0, -0.11, 0.11, 3600.0])
def test_a_clock_that_is_set_while_armed_stops_the_robot_by_name(jump_s: float) -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.ros_ahead_s = jump_s
    stop = robot.drive(1).monitor.snapshot.stop
    assert stop is not None
    assert (stop.cause, stop.value) == (Cause.CLOCK_JUMP, pytest.approx(jump_s, abs=1e-6))
    assert robot.monitor.mode is Mode.STOPPING  # what was measured before is forgotten
    robot.silent = {"commands"}
    assert robot.stand().rest(1.0).monitor.reset(robot.now).done


def test_a_clock_that_is_slewed_stops_nothing() -> None:
    robot = GuardedRobot().arm()
    for _ in range(500):
        robot.ros_ahead_s += 5e-4 * 0.02
        robot.drive(1)
    assert robot.monitor.mode is Mode.ARMED


def test_a_clock_that_is_set_while_disarmed_only_asks_for_a_new_measurement() -> None:
    robot = GuardedRobot().rest(0.5)
    robot.ros_ahead_s = 5.0
    assert "not been seen to stand still" in robot.rest(0.02).monitor.arm(robot.now).text
    assert robot.rest(0.2).monitor.arm(robot.now).done


def test_silence_is_noticed_though_ros_time_stands_still() -> None:
    robot = GuardedRobot().arm().drive(20)
    ros_ns = robot.now.ros_ns
    for _ in range(11):
        robot.time_s += PERIOD_S
        robot.monitor.tick(Instant(ros_ns, robot.now.steady_ns))
    assert _stopped_by(robot) is Cause.BRIDGE_SILENT


def test_stopping_becomes_stopped_only_after_a_measured_standstill() -> None:
    robot = GuardedRobot().arm().drive(60)
    assert np.abs(robot.velocities).max() > robot.settings.still_arm_rad_s
    robot.monitor.stop("stop", robot.now)
    assert robot.rest(1.0).monitor.mode is Mode.STOPPING
    assert robot.stand().rest(0.08).monitor.mode is Mode.STOPPING
    assert robot.rest(0.06).monitor.mode is Mode.STOPPED


@pytest.mark.parametrize("mode", ["armed", "stopped"])
def test_an_estop_must_be_released_and_reset_before_arming(mode: str) -> None:
    robot = GuardedRobot().arm()
    if mode == "stopped":
        _stopped(robot)
    robot.monitor.on_estop(True, robot.now)
    assert "release it" in robot.rest(1.0).monitor.reset(robot.now).text
    robot.monitor.on_estop(False, robot.now)
    assert robot.rest(1.0).monitor.mode is Mode.STOPPED
    assert robot.monitor.reset(robot.now).done
    assert robot.monitor.mode is Mode.DISARMED


@pytest.mark.parametrize(
    ("cause", "still_wrong", "words"),
    [
        ({"perception"}, {"perception"}, "perception_status"),
        ({"bridge"}, {"bridge"}, "bridge_state"),
        ({"state"}, {"state"}, "has not been measured to stand still"),
    ],
    ids=str,
)
def test_a_reset_waits_until_the_cause_is_mended(cause: set[str], still_wrong: set[str], words: str) -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.silent = cause
    robot.drive(50)
    robot.silent = {*still_wrong, "commands"}
    assert words in robot.stand().rest(2.0).monitor.reset(robot.now).text
    robot.silent = {"commands"}
    robot.rest(1.0)
    assert robot.monitor.reset(robot.now).done


@pytest.mark.parametrize("cause", [Cause.STALE_CAMERA, Cause.FROZEN_CAMERA, Cause.WRONG_CAMERA])
def test_a_camera_that_is_still_dead_blocks_the_reset(cause: Cause) -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.perception = PerceptionReport(False, cause, "wrist is dead")
    robot.drive(30).stand().rest(1.0)
    assert "wrist is dead" in robot.monitor.reset(robot.now).text


def test_nothing_resumes_by_itself_when_everything_is_well_again() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.silent = {"commands"}
    robot.drive(30)
    robot.silent = set()
    passed = len(robot.passed)
    robot.stand().drive(500)
    assert len(robot.passed) == passed
    assert _stopped_by(robot) is Cause.INTERPOLATOR_SILENT


def test_velocities_that_are_not_those_of_the_positions_stop_the_robot_by_name() -> None:
    robot = GuardedRobot().arm()
    robot.velocity_factor = 57.3
    robot.drive(150)
    stop = robot.monitor.snapshot.stop
    assert stop is not None
    assert stop.cause is Cause.VELOCITY_MISMATCH
    assert "`velocity: differences`" in stop.text


def test_a_driver_that_reports_no_speed_proves_no_standstill() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.velocity_factor = 0.0
    robot.monitor.stop("stop", robot.now)
    for _ in range(20):
        robot.positions = robot.positions + 0.1 * PERIOD_S
        robot.rest(PERIOD_S)
    assert robot.monitor.mode is Mode.STOPPING
    assert robot.rest(0.2).monitor.mode is Mode.STOPPED


def test_a_safety_that_did_not_run_for_a_while_says_so_and_blames_no_neighbour() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.time_s += 0.25
    robot.monitor.tick(robot.now)
    stop = robot.monitor.snapshot.stop
    assert stop is not None
    assert (stop.cause, stop.text[:31]) == (Cause.OVERLOADED, "safety did not run for 0.25 s, ")


def test_a_short_pause_of_safety_itself_is_no_silence_of_a_neighbour() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.time_s += 0.14
    robot.monitor.tick(robot.now)
    assert robot.monitor.mode is Mode.ARMED


def test_a_robot_that_does_not_follow_because_the_bridge_holds_stops_for_the_bridges_reason() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.bridge = BridgeReport(Cause.STALE_COMMAND, "command 61: joint1 would jump, those between were lost")
    robot.report()
    robot.measured_off = np.full(8, -0.5)  # it stands while commands go on
    robot.drive(5)
    stop = robot.monitor.snapshot.stop
    assert stop is not None
    assert stop.cause is Cause.STALE_COMMAND
    assert "those between were lost" in stop.text


def test_a_bridge_that_ceases_to_forward_stops_the_robot_within_two_heartbeats() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.bridge = BridgeReport(Cause.OVERLOADED, "the bridge did not run for 0.12 s")
    assert robot.drive(6).monitor.mode is Mode.ARMED
    assert _stopped_by(robot.drive(4)) is Cause.OVERLOADED


def test_what_comes_late_on_an_overloaded_computer_names_the_load() -> None:
    robot = GuardedRobot().arm().drive(60)
    robot.monitor.on_load("this computer is overloaded")
    robot.silent = {"perception"}
    robot.drive(40)
    stop = robot.monitor.snapshot.stop
    assert stop is not None
    assert stop.cause is Cause.PERCEPTION_SILENT
    assert stop.text.endswith("; this computer is overloaded")


def test_a_dry_run_is_named_at_arming_and_in_the_stop_that_it_leads_to() -> None:
    robot = GuardedRobot()
    robot.bridge = BridgeReport(dry_run=True)
    reply = robot.rest(0.2).monitor.arm(robot.now)
    assert "dry_run is set" in reply.text
    robot.drive(20)
    robot.measured_off = np.full(8, -0.5)
    robot.drive(5)
    assert "dry_run is set" in robot.monitor.snapshot.text


def test_an_estop_that_a_safety_process_before_this_one_had_seen_pressed_must_be_released() -> None:
    robot = GuardedRobot()
    stop = Verdict(Cause.ESTOP, "~/estop said true")
    robot.bridge = BridgeReport(former=stop, former_pressed=Estop.SERVICE)
    robot.rest(1.0)
    assert "call it with false" in robot.monitor.reset(robot.now).text
    robot.monitor.on_estop(False, robot.now, Estop.SERVICE)
    assert robot.monitor.reset(robot.now).done
