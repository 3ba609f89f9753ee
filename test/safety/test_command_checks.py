# SPDX-License-Identifier: Apache-2.0
"""Every check, by a command that is clean but for one thing; and clean commands, which always pass."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.action_chunk import ChunkRejection, RejectionCause
from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interfaces.safety_state import Cause, Verdict
from molmoact2_ros.safety import Limits, Settings
from molmoact2_ros.safety.command_checks import Context, check_command
from molmoact2_ros.safety.example import ExampleMotion

NOW_NS = 1_700_000_000_000_000_000
PERIOD_S = 0.02
LIMITS = Limits.load(Embodiment.load("droid"), Settings.gripper_overrun)
MOTION = ExampleMotion(LIMITS, PERIOD_S)
MOVING = 20  # periods after the begin of the motion
FROM = NOW_NS - round(MOVING * PERIOD_S * 1e9)
SPEED = np.full(len(LIMITS.names), 2.0)  # of the latest commands


def _clean(**changes: object) -> JointCommand:
    command = MOTION.command(MOVING, FROM, chunk_sequence=5, observation_ns=NOW_NS - 100_000_000)
    return dataclasses.replace(command, **changes)


def _context(**changes: object) -> Context:
    positions, velocities = MOTION.state(MOVING)
    measured = RobotState(NOW_NS, LIMITS.names, positions, velocities)
    previous = MOTION.command(MOVING - 1, FROM)
    return dataclasses.replace(Context(LIMITS, Settings(), PERIOD_S, NOW_NS, measured, previous, SPEED), **changes)


def _at_rest(points: int = 5) -> JointCommand:
    positions = np.tile(MOTION.state(0)[0], (points, 1))
    return _clean(positions=positions, velocities=np.zeros_like(positions), motion_points=1)


def _slowing(joint: str, *speeds: float) -> tuple[JointCommand, Context]:
    """One joint moves at these speeds, evenly changed between the points; and a robot that is where it begins."""
    command, column = _at_rest(len(speeds)), LIMITS.names.index(joint)
    command.velocities[:, column] = speeds
    mean = (command.velocities[1:] + command.velocities[:-1]) / 2
    command.positions[1:] += np.cumsum(mean, axis=0) * PERIOD_S
    return command, _resting_context(command)


def _resting_context(command: JointCommand) -> Context:
    measured = RobotState(NOW_NS, LIMITS.names, command.positions[0], command.velocities[0])
    return _context(measured=measured, previous=None)


def _with(field: str, point: int, joint: str, value: float) -> JointCommand:
    array = getattr(_clean(), field).copy()
    array[point, LIMITS.names.index(joint)] = value
    return _clean(**{field: array})


def _shifted(joint: str, by: float) -> JointCommand:
    """The clean command, with one joint moved as a whole."""
    return _clean(positions=_clean().positions + by * np.eye(8)[LIMITS.names.index(joint)])


def test_a_clean_command_passes() -> None:
    assert check_command(_clean(), _context()) is None


@pytest.mark.parametrize("seed", range(20))
def test_random_smooth_motion_always_passes(seed: int) -> None:
    motion, previous = ExampleMotion(LIMITS, PERIOD_S, seed), None
    for index in range(150):
        measured = RobotState(NOW_NS, LIMITS.names, *motion.state(index))
        command = motion.command(index, NOW_NS - round(index * PERIOD_S * 1e9))
        previous = previous and dataclasses.replace(previous, start_ns=NOW_NS - 20_000_000)
        assert check_command(command, _context(measured=measured, previous=previous)) is None, index
        previous = command


def test_joints_in_another_order_are_the_same_command() -> None:
    turned = _clean(
        names=LIMITS.names[::-1], positions=_clean().positions[:, ::-1], velocities=_clean().velocities[:, ::-1]
    )
    assert check_command(turned, _context()) is None


def test_joints_in_another_order_with_columns_left_behind_are_noticed() -> None:
    assert check_command(_clean(names=LIMITS.names[::-1]), _context()) is not None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"positions": _clean().positions[:, :7]}, "do not fit points x 8 joints"),
        ({"positions": _clean().positions.ravel(), "velocities": _clean().velocities.ravel()}, "do not fit"),
        ({"velocities": _clean().velocities[1:]}, "do not fit"),
        ({"positions": _clean().positions[:1], "velocities": _clean().velocities[:1]}, "2 to 2500 points"),
        ({"positions": np.zeros((10_000, 8)), "velocities": np.zeros((10_000, 8))}, "2 to 2500 points"),
        ({"chunk_velocities": np.zeros(3)}, "chunk_velocities has 3 values for 8 joints"),
        ({"step_s": 0.0}, "the step is 0.0 s"),
        ({"step_s": math.nan}, "the step is nan s"),
        ({"step_s": 0.021}, "0.001 to 0.02 s (one command period)"),
        ({"motion_points": 1000}, "motion_points is 1000"),
    ],
)
def test_a_wrong_shape_is_refused(changes: dict[str, object], words: str) -> None:
    verdict = check_command(_clean(**changes), _context())
    assert verdict is not None
    assert verdict.cause is Cause.WRONG_SHAPE
    assert words in verdict.text


@pytest.mark.parametrize(
    ("names", "joint"),
    [(("joint9", *LIMITS.names[1:]), "joint1"), (("joint2", *LIMITS.names[1:]), "joint1")],
    ids=["unknown", "twice"],
)
def test_wrong_joints_are_refused_by_name(names: tuple[str, ...], joint: str) -> None:
    verdict = check_command(_clean(names=names), _context())
    assert verdict is not None
    assert (verdict.cause, verdict.joint) == (Cause.WRONG_JOINTS, joint)


def test_a_command_with_a_flood_of_joints_is_refused_in_a_short_sentence() -> None:
    flood = np.zeros((2, 100_000))
    verdict = check_command(
        _clean(names=("joint" * 1000,) * 100_000, positions=flood, velocities=flood, motion_points=1),
        _context(),
    )
    assert verdict is not None
    assert verdict.cause is Cause.WRONG_JOINTS
    assert len(verdict.text) < 3000


@pytest.mark.parametrize(
    ("cause", "named"),
    [
        (RejectionCause.WRONG_SHAPE, Cause.WRONG_SHAPE),
        (RejectionCause.NOT_FINITE, Cause.NOT_FINITE),
        (9999, Cause.WRONG_SHAPE),
    ],
)
def test_a_command_without_points_is_refused_by_the_cause_that_comes_with_it(cause: int, named: Cause) -> None:
    nothing, rejection = np.empty((0, 8)), ChunkRejection(1, cause, "chunk 7 has 10000 rows")
    verdict = check_command(_clean(positions=nothing, velocities=nothing, rejection=rejection), _context())
    assert verdict is not None
    assert (verdict.cause, verdict.text) == (named, "chunk 7 has 10000 rows")


def test_velocities_of_a_chunk_that_are_not_finite_are_refused() -> None:
    verdict = check_command(_clean(chunk_velocities=np.full(8, np.nan)), _context())
    assert verdict is not None
    assert verdict.cause is Cause.NOT_FINITE


@pytest.mark.parametrize("field", ["positions", "velocities"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_with_joint_and_point(field: str, value: float) -> None:
    verdict = check_command(_with(field, 2, "joint3", value), _context())
    assert verdict is not None
    assert (verdict.cause, verdict.joint, verdict.step) == (Cause.NOT_FINITE, "joint3", 2)
    assert str(verdict.value) == str(value)


@pytest.mark.parametrize(
    ("changes", "value", "words"),
    [
        ({"start_ns": NOW_NS - 101_000_000}, 0.101, "in the past"),
        ({"start_ns": NOW_NS + 101_000_000}, 0.101, "in the future"),
        ({"sequence": MOVING}, MOVING, f"not newer than command {MOVING}"),
    ],
)
def test_a_command_of_another_time_is_refused(changes: dict[str, object], value: float, words: str) -> None:
    verdict = check_command(_clean(**changes), _context())
    assert verdict is not None
    assert (verdict.cause, verdict.value) == (Cause.STALE_COMMAND, pytest.approx(value))
    assert words in verdict.text


def test_a_command_that_starts_before_its_predecessor_is_refused() -> None:
    verdict = check_command(_clean(start_ns=NOW_NS - 30_000_000), _context())
    assert verdict is not None
    assert verdict.cause is Cause.STALE_COMMAND


@pytest.mark.parametrize(("age_ns", "value"), [(801_000_000, 0.801), (-101_000_000, -0.101)])
def test_motion_that_follows_an_old_observation_is_refused(age_ns: int, value: float) -> None:
    verdict = check_command(_clean(observation_ns=NOW_NS - age_ns), _context())
    assert verdict is not None
    assert (verdict.cause, verdict.limit) == (Cause.STALE_OBSERVATION, 0.8)
    assert verdict.value == pytest.approx(value)


def test_motion_that_follows_no_chunk_needs_no_observation() -> None:
    assert check_command(_clean(chunk_sequence=0, observation_ns=0), _context()) is None


def _resting_at(joint: str, value: float) -> tuple[JointCommand, Context]:
    command = _at_rest()
    command.positions[:, LIMITS.names.index(joint)] = value
    return command, _resting_context(command)


@pytest.mark.parametrize(
    ("joint", "value", "limit"), [("joint2", 1.68, 1.67), ("joint4", -2.945, -2.94), ("gripper", 1.04, 1.03)]
)
def test_a_position_inside_the_margin_is_refused(joint: str, value: float, limit: float) -> None:
    verdict = check_command(*_resting_at(joint, value))
    assert verdict is not None
    assert (verdict.cause, verdict.joint, verdict.step) == (Cause.POSITION_LIMIT, joint, 0)
    assert (verdict.value, verdict.limit) == (value, pytest.approx(limit))


def test_a_position_on_its_limit_passes() -> None:
    assert check_command(*_resting_at("joint2", LIMITS.high[1])) is None


def test_a_stated_velocity_above_the_limit_is_refused() -> None:
    verdict = check_command(*_slowing("joint1", 2.1, 2.0, 1.0, 0.0))
    assert verdict is not None
    assert (verdict.cause, verdict.joint, verdict.limit) == (Cause.VELOCITY_LIMIT, "joint1", 2.075)
    assert (verdict.value, verdict.step) == (pytest.approx(2.1), 0)


def test_positions_that_hide_a_velocity_above_the_limit_are_refused() -> None:
    command = _at_rest()
    command.positions[1:, 0] += 2.1 * PERIOD_S
    verdict = check_command(command, _resting_context(command))
    assert verdict is not None
    assert (verdict.cause, verdict.joint, verdict.step) == (Cause.VELOCITY_LIMIT, "joint1", 0)
    assert verdict.value == pytest.approx(1.5 * 2.1)  # a cubic from rest to rest peaks at one and a half times its mean


def test_an_acceleration_above_the_limit_is_refused() -> None:
    verdict = check_command(*_slowing("joint5", 0.45, 0.3, 0.09, 0.0))
    assert verdict is not None
    assert (verdict.cause, verdict.joint, verdict.step) == (Cause.ACCELERATION_LIMIT, "joint5", 1)
    assert (verdict.value, verdict.limit) == (pytest.approx(10.5), 10.0)


@pytest.mark.parametrize(("hardest", "passes"), [(0.19, True), (0.21, False)])
def test_an_acceleration_that_turns_too_fast_is_refused_though_each_of_its_values_is_allowed(
    hardest: float, passes: bool
) -> None:
    speeds = (0.0, hardest / 2, hardest, hardest / 2, 0.0)  # speeds up, then slows down, evenly: one step between them
    verdict = check_command(*_slowing("gripper", *speeds))
    if passes:
        assert verdict is None
        return
    assert verdict is not None
    assert (verdict.cause, verdict.joint, verdict.step) == (Cause.JERK_LIMIT, "gripper", 2)
    assert (verdict.value, verdict.limit) == (pytest.approx(hardest / PERIOD_S**2), 500.0)
    assert verdict.text == "gripper would jerk at 525.000 1/s3 after point 2, above its limit 500.000 1/s3"


def test_the_jerk_of_the_robot_itself_is_met_where_the_points_lie_close_enough_to_show_it() -> None:
    step_s, joint = 0.001, LIMITS.names.index("joint1")
    command = _at_rest(points=5)
    for turn, passes in ((4.9, True), (5.1, False)):  # rad/s2 within 1 ms; the FR3 takes 5000 rad/s3
        command.velocities[:, joint] = step_s * turn * np.array([0, 0.5, 1, 0.5, 0])
        mean = (command.velocities[1:, joint] + command.velocities[:-1, joint]) / 2
        command.positions[1:, joint] = command.positions[0, joint] + np.cumsum(mean) * step_s
        fine = dataclasses.replace(command, step_s=step_s)
        verdict = check_command(fine, _resting_context(fine))
        assert (verdict is None) is passes
    assert verdict is not None
    assert (verdict.cause, verdict.joint) == (Cause.JERK_LIMIT, "joint1")


@pytest.mark.parametrize(("braked_before", "passes"), [(True, True), (False, False)])
def test_the_seam_to_the_command_before_counts_as_any_border(braked_before: bool, passes: bool) -> None:
    command, context = _slowing("gripper", 0.36, 0.24, 0.12, 0.0)  # -6 1/s2
    speeds = (0.48, 0.36, 0.24, 0.12, 0.0) if braked_before else (0.24, 0.36, 0.24, 0.12, 0.0)
    earlier, _ = _slowing("gripper", *speeds)
    earlier.positions[:] += command.positions[0] - earlier.positions[1]
    previous = dataclasses.replace(earlier, sequence=1, start_ns=NOW_NS - 20_000_000)
    verdict = check_command(command, dataclasses.replace(context, previous=previous))
    assert (verdict is None) is passes
    assert passes or (verdict is not None and verdict.cause is Cause.JERK_LIMIT and verdict.step == 0)


def test_a_command_that_does_not_end_at_rest_is_refused() -> None:
    command = _clean(positions=_clean().positions[:4], velocities=_clean().velocities[:4])
    verdict = check_command(command, _context())
    assert verdict is not None
    assert (verdict.cause, verdict.step, verdict.limit) == (Cause.NO_BRAKE, 3, 0.0)
    assert verdict.value == pytest.approx(abs(command.velocities[3]).max())


def test_motion_of_more_than_three_periods_is_refused() -> None:
    verdict = check_command(_clean(motion_points=5), _context())
    assert verdict is not None
    assert verdict.cause is Cause.NO_BRAKE
    assert (verdict.value, verdict.limit) == (pytest.approx(0.08), pytest.approx(0.06))


def test_a_brake_that_takes_too_long_is_refused() -> None:
    command = _at_rest(points=60)
    verdict = check_command(command, _resting_context(command))
    assert verdict is not None
    assert (verdict.cause, verdict.value, verdict.limit) == (Cause.NO_BRAKE, pytest.approx(1.18), 1.0)


def test_a_brake_in_which_a_joint_speeds_up_is_refused() -> None:
    time_s = np.arange(21) * PERIOD_S  # swings away and comes to rest again, all of it declared as brake
    command = _at_rest(points=21)
    command.positions[:, 6] += 0.03 * (1 - np.cos(2 * np.pi * time_s / 0.4))
    command.velocities[:, 6] = 0.03 * 2 * np.pi / 0.4 * np.sin(2 * np.pi * time_s / 0.4)
    command.velocities[-1] = 0.0
    verdict = check_command(command, _resting_context(command))
    assert verdict is not None
    assert (verdict.cause, verdict.joint) == (Cause.NO_BRAKE, "joint7")
    assert "speeds up in the brake" in verdict.text


def test_a_step_in_position_from_the_command_before_is_refused() -> None:
    verdict = check_command(_shifted("joint6", 0.003), _context())
    assert verdict is not None
    assert (verdict.cause, verdict.joint, verdict.step) == (Cause.DISCONTINUITY, "joint6", 0)
    assert (verdict.value, verdict.limit) == (pytest.approx(0.003, abs=1e-6), pytest.approx(0.002))


def test_a_step_in_velocity_from_the_command_before_is_refused() -> None:
    command, context = _slowing("joint2", 0.25, 0.15, 0.05, 0.0)
    previous = dataclasses.replace(_at_rest(), sequence=1, start_ns=NOW_NS - 20_000_000)
    verdict = check_command(command, dataclasses.replace(context, previous=previous))
    assert verdict is not None
    assert (verdict.cause, verdict.joint) == (Cause.DISCONTINUITY, "joint2")
    assert (verdict.value, verdict.limit) == (pytest.approx(0.25), pytest.approx(0.2))


def test_the_first_command_must_begin_as_fast_as_the_robot_is() -> None:
    command, context = _slowing("joint2", 0.25, 0.15, 0.05, 0.0)
    resting = dataclasses.replace(context.measured, velocities=np.zeros(8))
    assert check_command(command, context) is None
    verdict = check_command(command, dataclasses.replace(context, measured=resting))
    assert verdict is not None
    assert (verdict.cause, verdict.joint) == (Cause.DISCONTINUITY, "joint2")


def _measured_off(joint: str, by: float, speed: float = 0.0) -> RobotState:
    column = np.eye(8)[LIMITS.names.index(joint)]
    return RobotState(NOW_NS, LIMITS.names, _at_rest().positions[0] + by * column, speed * column)


@pytest.mark.parametrize(("joint", "limit"), [("joint3", 0.1), ("gripper", 0.3)])
def test_a_first_command_far_from_the_measured_pose_is_refused(joint: str, limit: float) -> None:
    far = _context(previous=None, measured=_measured_off(joint, limit + 0.01))
    near = _context(previous=None, measured=_measured_off(joint, limit - 0.01))
    assert check_command(_at_rest(), near) is None
    verdict = check_command(_at_rest(), far)
    assert verdict is not None
    assert (verdict.cause, verdict.joint, verdict.step) == (Cause.JUMP, joint, 0)
    assert (verdict.value, verdict.limit) == (pytest.approx(limit + 0.01), pytest.approx(limit))


def test_a_robot_that_does_not_follow_makes_the_next_command_a_jump() -> None:
    previous = dataclasses.replace(_at_rest(), sequence=1, start_ns=NOW_NS - 20_000_000)
    verdict = check_command(_at_rest(), _context(previous=previous, measured=_measured_off("joint3", 0.11)))
    assert verdict is not None
    assert (verdict.cause, verdict.joint) == (Cause.JUMP, "joint3")


def test_a_gripper_that_holds_an_object_may_stand_short_of_its_command() -> None:
    previous = dataclasses.replace(_at_rest(), sequence=1, start_ns=NOW_NS - 20_000_000)
    assert check_command(_at_rest(), _context(previous=previous, measured=_measured_off("gripper", 0.5))) is None


def test_a_moving_robot_may_lag_behind_by_its_speed_times_the_allowed_delay() -> None:
    behind = _measured_off("joint3", -0.25, speed=2.0)
    previous = dataclasses.replace(_at_rest(), sequence=1, start_ns=NOW_NS - 20_000_000)
    assert check_command(_at_rest(), _context(previous=previous, measured=behind)) is None


def test_a_measured_speed_that_was_never_commanded_widens_no_allowance() -> None:
    behind = _measured_off("joint3", -0.25, speed=2.0)
    previous = dataclasses.replace(_at_rest(), sequence=1, start_ns=NOW_NS - 20_000_000)
    verdict = check_command(_at_rest(), _context(previous=previous, measured=behind, speed=np.zeros(len(LIMITS.names))))
    assert verdict is not None
    assert (verdict.cause, verdict.limit) == (Cause.JUMP, Settings.jump_arm_rad)


def test_of_two_violations_the_first_in_order_is_named() -> None:
    command = _with("positions", 2, "joint3", math.nan)
    command.velocities[1, 0] = 100.0
    verdict = check_command(command, _context(now_ns=NOW_NS + 10**9))
    assert verdict is not None
    assert verdict.cause is Cause.NOT_FINITE


def test_a_command_that_darts_off_is_refused_for_that_and_not_for_where_it_ends() -> None:
    command = _at_rest()
    command.positions[1:, 0] += np.array([0.5, 1.0, 2.0, 4.0])
    verdict = check_command(command, _resting_context(command))
    assert verdict is not None
    assert (verdict.cause, verdict.step) == (Cause.VELOCITY_LIMIT, 0)


def test_a_verdict_reads_as_a_sentence_with_units() -> None:
    text = "joint2 would go to 1.7000 rad at point 0, above its limit 1.6700 rad"
    assert check_command(*_resting_at("joint2", 1.7)) == Verdict(
        Cause.POSITION_LIMIT, text, "joint2", 0, 1.7, LIMITS.high[1]
    )
