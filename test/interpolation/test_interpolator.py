# SPDX-License-Identifier: Apache-2.0
"""The promises of the interpolator, over whole runs with the fake robot standing still where the test says.

Pinned: seams without a step, every command ends at rest, rows placed by time, the cap, starvation, bad chunks refused
for their fault and forgotten after it, refused and lost commands survived, nothing proposed unless armed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.action_chunk import ActionChunk, RejectionCause
from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interfaces.safety_state import Cause
from molmoact2_ros.interpolation import InterpolationSettings, Interpolator
from molmoact2_ros.interpolation.example import ExampleMotion
from molmoact2_ros.safety import cubic
from molmoact2_ros.safety.command_checks import Context, check_command
from molmoact2_ros.safety.limits import Limits
from molmoact2_ros.safety.settings import Settings

DROID = Embodiment.load("droid")
LIMITS = Limits.load(DROID)
PERIOD_NS = 20_000_000
CHUNK_NS = 66_666_667
LATENCY_NS = 80_000_000
FADE = {"seam": "fade", "blend_s": 0.3}
T0_NS = 1_700_000_000_000_000_000


class Run:
    """An armed interpolator on a fake clock, fed by an ideal policy, judged by an ideal safety."""

    def __init__(self, seed: int = 0, noise: float = 0.0, ratio: float = 0.3, **settings: Any) -> None:
        self.motion = ExampleMotion(DROID, seed, ratio)
        self.interpolator = Interpolator(DROID, InterpolationSettings(**settings))
        self.noise, self.generator = noise, np.random.default_rng(seed)
        self.now_ns, self.observed_ns, self.sequence = T0_NS, T0_NS, 0
        self.sent: list[JointCommand] = []
        self.passed: JointCommand | None = None
        self.causes: list[Cause] = []
        self.policy_alive, self.lossy = True, False
        self.policy = 0
        self.offset: Any = 0.0  # of the policy's chunks
        self.state = self.motion.state(T0_NS)
        self.interpolator.measure(self.state)
        self.interpolator.arm(self.now_ns)

    def observe(self) -> ActionChunk:
        """Make the chunk of the next observation."""
        self.observed_ns += CHUNK_NS
        self.sequence += 1
        jitter = self.generator.normal(0, self.noise, len(DROID.joints)) if self.noise else 0.0
        chunk = self.motion.chunk(self.observed_ns, self.sequence, self.offset + jitter)
        return replace(chunk, policy=self.policy)

    def ticks(self, count: int) -> Iterator[JointCommand]:
        """Let command periods pass; a command that is lost (`lossy`) is never checked."""
        for _ in range(count):
            self.now_ns += PERIOD_NS
            while self.observed_ns + CHUNK_NS + LATENCY_NS <= self.now_ns:
                chunk = self.observe()
                if self.policy_alive:
                    self.interpolator.offer(chunk, self.now_ns)
            command = self.interpolator.tick(self.now_ns)
            assert command is not None
            self.sent.append(command)
            self.check_command(command)
            yield command

    def go(self, count: int) -> list[JointCommand]:
        return list(self.ticks(count))

    def check_command(self, command: JointCommand) -> None:
        if self.lossy:
            return
        measured = self.state
        if self.passed is not None:
            measured = RobotState(self.now_ns, DROID.joint_names, *cubic.evaluate(self.passed, self.now_ns))
        verdict = check_command(
            command,
            Context(
                LIMITS, Settings(), PERIOD_NS * 1e-9, self.now_ns, measured, self.passed, np.abs(measured.velocities)
            ),
        )
        if verdict is None:
            self.passed = command
        else:
            self.causes.append(verdict.cause)
        passed = self.passed.sequence if self.passed else 0
        self.interpolator.acknowledge(passed, len(self.causes), self.causes[-1:] == [Cause.DISCONTINUITY])


def _seams(commands: list[JointCommand]) -> list[tuple[float, float]]:
    """Return the largest step in position and velocity between each command and the one before it."""
    steps = []
    for before, after in itertools.pairwise(commands):
        position, velocity = cubic.evaluate(before, after.start_ns)
        steps.append((np.abs(after.positions[0] - position).max(), np.abs(after.velocities[0] - velocity).max()))
    return steps


@pytest.mark.parametrize("seed", range(8))
def test_smooth_chunks_are_never_refused(seed: int) -> None:
    run = Run(seed, noise=0.005)
    run.go(300)
    assert run.causes == []
    assert run.interpolator.statistics.starved_ticks == 0
    assert run.interpolator.statistics.chunks > 80


@pytest.mark.parametrize("seed", range(8))
def test_commands_continue_each_other_at_every_seam_even_between_unlike_chunks(seed: int) -> None:
    run = Run(seed, noise=0.1)  # such seams break limits: they must still not step
    run.lossy = True
    steps = np.array(_seams(run.go(200)))
    assert steps.max() < 1e-9


@pytest.mark.parametrize("seed", range(8))
def test_every_command_ends_at_rest_after_three_periods_of_motion_at_most(seed: int) -> None:
    for command in Run(seed, noise=0.02).ticks(150):
        assert not command.velocities[-1].any()
        assert 1 <= command.motion_points <= 4
        assert command.motion_points < len(command.positions)


def test_commands_start_on_a_grid_of_periods_whatever_the_jitter_of_the_ticks() -> None:
    run, starts = Run(), []
    for index in range(1, 40):
        jitter_ns = int(run.generator.integers(-6_000_000, 6_000_000)) if index > 1 else 0
        command = run.interpolator.tick(T0_NS + index * PERIOD_NS + jitter_ns)
        assert command is not None
        starts.append(command.start_ns)
    assert set(np.diff(starts)) == {PERIOD_NS}


def test_two_ticks_in_one_period_propose_one_command() -> None:
    run = Run()
    run.go(10)
    assert run.interpolator.tick(run.now_ns + PERIOD_NS // 4) is None
    assert run.interpolator.tick(run.now_ns + PERIOD_NS) is not None


def test_motion_follows_the_rows_at_their_time_once_it_has_joined() -> None:
    for settings, atol in (({}, 4e-3), (FADE, 1e-3)):  # a correction smooths, a fade ends on the rows
        run = Run(**settings)
        *_, command = run.ticks(250)
        expected = run.motion.positions((command.start_ns + np.arange(4) * PERIOD_NS) * 1e-9)
        np.testing.assert_allclose(command.positions[:4], expected, atol=atol)


def test_rows_that_are_past_are_dropped_by_time() -> None:
    run = Run(**FADE)  # which is exact after its blend
    run.go(200)
    run.policy_alive = False
    late = run.observe()
    run.now_ns += 3 * PERIOD_NS
    run.interpolator.offer(late, run.now_ns)
    *_, command = run.ticks(20)  # 0.5 s after the observation, the blend is over
    expected = run.motion.positions(np.array([command.start_ns * 1e-9]))
    assert command.chunk_sequence == late.sequence
    np.testing.assert_allclose(command.positions[:1], expected, atol=1e-3)


@pytest.mark.parametrize(("executed_steps", "rows"), [(0, 15), (6, 6)])
def test_timeline_ends_at_the_last_allowed_row(executed_steps: int, rows: int) -> None:
    run = Run(executed_steps=executed_steps)
    run.go(200)
    run.policy_alive = False
    end_ns = run.sent[-1].observation_ns + (rows - 1) * CHUNK_NS
    following = [command for command in run.go(70) if command.chunk_sequence]
    assert end_ns - PERIOD_NS < following[-1].start_ns <= end_ns
    assert following[-1].motion_points == 1


def test_starvation_brakes_to_rest_and_is_counted() -> None:
    run = Run(executed_steps=6)
    run.go(200)
    run.policy_alive = False
    starved = [command for command in run.go(60) if command.chunk_sequence == 0]
    assert run.interpolator.statistics.starved_ticks == len(starved) > 20
    assert not run.sent[-1].velocities.any()
    assert np.array(_seams(run.sent)).max() < 1e-9
    assert run.causes == []


def test_motion_resumes_with_a_bounded_ramp_after_starvation() -> None:
    run = Run(executed_steps=6)
    run.go(150)
    run.policy_alive = False
    run.go(60)
    run.policy_alive = True
    first = next(command for command in run.ticks(10) if command.chunk_sequence)
    assert run.interpolator.statistics.ramps == 2
    assert (np.abs(first.velocities) <= 0.3 * LIMITS.velocity).all()
    run.go(100)
    assert run.causes == []


def test_late_first_chunk_counts_as_starvation() -> None:
    run = Run()
    run.policy_alive = False
    run.interpolator.offer(run.observe(), T0_NS + CHUNK_NS)
    run.now_ns += 2_000_000_000
    run.go(3)
    statistics = run.interpolator.statistics
    assert (statistics.starved_ticks, statistics.chunks, statistics.ignored_chunks) == (3, 0, 1)


def test_armed_without_a_chunk_it_holds_the_measured_pose() -> None:
    run = Run()
    run.policy_alive = False
    for command in run.ticks(5):
        assert (command.chunk_sequence, command.observation_ns) == (0, 0)
        np.testing.assert_array_equal(command.positions, np.tile(run.state.positions, (6, 1)))
    assert run.interpolator.statistics.starved_ticks == 0


@pytest.mark.parametrize("distance_rad", [0.0, 0.2, 1.0])
def test_first_motion_is_bounded_however_far_the_chunk_is(distance_rad: float) -> None:
    run = Run(ratio=0.1)
    away = RobotState(T0_NS, DROID.joint_names, run.state.positions - distance_rad * 0.5, run.state.velocities)
    run.state = away
    run.interpolator.measure(away)
    for index, command in enumerate(run.ticks(95)):
        ratio = 0.2 + 0.6 * index * PERIOD_NS * 1e-9 / 2.0
        motion = command.velocities[: command.motion_points]
        assert (np.abs(motion) <= ratio * LIMITS.velocity + 1e-9).all()


def test_timeline_out_of_reach_of_the_ramp_is_left_to_safety() -> None:
    run = Run(ratio=0.1)
    run.offset = np.eye(len(DROID.joints))[0] * 1.5
    corner = replace(run.state, positions=run.state.positions - np.eye(len(DROID.joints))[0] * 2.5)
    run.state = corner
    run.interpolator.measure(corner)
    run.go(100)  # 2 s of ramp
    assert run.causes == []
    run.go(20)
    assert set(run.causes) & {Cause.VELOCITY_LIMIT, Cause.ACCELERATION_LIMIT}


def test_chunk_observed_before_arming_is_not_executed() -> None:
    run = Run()
    run.policy_alive = False
    run.interpolator.offer(run.motion.chunk(T0_NS - 1, 1), T0_NS)
    assert {command.chunk_sequence for command in run.ticks(5)} == {0}
    assert run.interpolator.statistics.ignored_chunks == 1


@pytest.mark.parametrize("shift_ns", [0, -CHUNK_NS, 2_000_000_000])
def test_chunk_that_is_not_newer_or_from_the_future_is_ignored(shift_ns: int) -> None:
    run = Run()
    run.go(100)
    ignored = run.motion.chunk(run.observed_ns + shift_ns, 999)
    run.interpolator.offer(ignored, run.now_ns)
    assert all(command.chunk_sequence != 999 for command in run.ticks(3))
    assert run.interpolator.statistics.ignored_chunks == 1


@pytest.mark.parametrize(
    ("shift_ns", "words"),
    [
        (900_000_000, "0.900 s in the future, .* the clocks of two computers differ"),
        (None, "is the same as that of the chunk before it"),
        (-200_000_000, "older than that of the chunk before it"),
    ],
)
def test_every_command_says_of_chunks_that_are_not_followed_how_many_and_why(shift_ns: Any, words: str) -> None:
    run = Run()
    run.go(100)
    run.policy_alive = False
    for sequence in (901, 902):
        stamp_ns = run.sent[-1].observation_ns if shift_ns is None else run.now_ns + shift_ns
        run.interpolator.offer(run.motion.chunk(stamp_ns, sequence), run.now_ns)
    for command in run.go(3):
        rejection = command.rejection
        assert (rejection.count, rejection.cause) == (2, Cause.STALE_OBSERVATION)
        assert re.search(f"chunk 902 .*{words}", rejection.text)
        assert len(command.positions) > 1
    assert run.causes == []


def test_a_chunk_that_is_followed_ends_what_is_said_of_those_before_it() -> None:
    run = Run()
    run.go(100)
    run.interpolator.offer(run.motion.chunk(run.now_ns + 10**9, 999), run.now_ns)
    run.policy_alive = False
    assert run.go(1)[0].rejection.count == 1
    run.policy_alive = True
    assert run.go(6)[-1].rejection.count == 0


def test_a_chunk_whose_rows_are_past_when_it_comes_is_named_as_old_or_if_it_is_short_as_that() -> None:
    rejections = []
    for rows, late_ns in ((15, 1_200_000_000), (3, 300_000_000), (3, 1_200_000_000)):
        run = Run()
        run.policy_alive = False
        run.now_ns += 2_000_000_000
        chunk = run.motion.chunk(run.now_ns - late_ns, 1)
        run.interpolator.offer(replace(chunk, positions=chunk.positions[:rows]), run.now_ns)
        (command,) = run.go(1)
        rejections.append((command.rejection.count, command.rejection.cause))
    assert rejections == [(1, Cause.STALE_OBSERVATION), (1, Cause.WRONG_SHAPE), (1, Cause.STALE_OBSERVATION)]


def test_a_chunk_that_an_operators_rest_keeps_from_being_followed_is_no_rejection() -> None:
    run = Run()
    run.go(60)
    run.interpolator.hold()
    assert all(command.rejection.count == 0 for command in run.go(20))


def test_the_command_for_a_chunk_of_any_size_has_no_points_and_a_short_sentence() -> None:
    run = Run()
    run.policy_alive = False
    chunk = run.observe()
    huge = replace(chunk, positions=np.broadcast_to(chunk.positions[:1], (10**12, len(DROID.joints))))
    run.interpolator.offer(huge, run.now_ns + CHUNK_NS)  # to copy it would take 64 TB
    (command,) = run.go(1)
    assert command.positions.shape == (0, len(DROID.joints))
    assert "10" + "0" * 11 + " rows" in command.rejection.text


def test_policy_that_restarts_its_sequence_is_followed() -> None:
    run = Run()
    run.go(100)
    run.sequence = 0
    *_, command = run.ticks(10)
    assert 1 <= command.chunk_sequence <= 3


def _nan(chunk: ActionChunk) -> ActionChunk:
    rows = chunk.positions.copy()
    rows[2, 3] = np.nan
    return replace(chunk, positions=rows)


BAD_CHUNKS = [
    (_nan, Cause.NOT_FINITE),
    (lambda chunk: replace(chunk, names=(*chunk.names[:-1], "claw")), Cause.WRONG_JOINTS),
    (lambda chunk: replace(chunk, positions=chunk.positions[:, :7]), Cause.WRONG_SHAPE),
    (lambda chunk: replace(chunk, positions=chunk.positions.reshape(-1)[:-1]), Cause.WRONG_SHAPE),
    (lambda chunk: replace(chunk, positions=chunk.positions[:0]), Cause.WRONG_SHAPE),
    (lambda chunk: replace(chunk, step_s=float("nan")), Cause.WRONG_SHAPE),
    (lambda chunk: replace(chunk, step_s=-1.0), Cause.WRONG_SHAPE),
    (lambda chunk: replace(chunk, step_s=1e-6), Cause.WRONG_SHAPE),
    (lambda chunk: replace(chunk, step_s=1e6), Cause.WRONG_SHAPE),
    (lambda chunk: replace(chunk, positions=chunk.positions[:2]), Cause.WRONG_SHAPE),
    (lambda chunk: replace(chunk, positions=np.tile(chunk.positions, (700, 1))), Cause.WRONG_SHAPE),
    (lambda chunk: replace(chunk, positions=chunk.positions + 1e30), Cause.VELOCITY_LIMIT),
]


@pytest.mark.parametrize(("corrupt", "cause"), BAD_CHUNKS)
def test_bad_chunk_is_refused_by_its_own_name_and_forgotten_with_the_next_good_one(corrupt: Any, cause: Cause) -> None:
    run = Run()
    run.go(150)
    run.interpolator.offer(corrupt(run.observe()), run.now_ns)
    run.go(1)
    assert run.causes == [cause]
    run.observed_ns -= 2 * PERIOD_NS  # so that the good chunk comes soon
    run.go(100)
    assert run.causes.count(cause) == len(run.causes) <= 3
    assert run.passed is not None
    assert run.passed.sequence == run.sent[-1].sequence


@pytest.mark.parametrize(("offset_rad", "cause"), [(0.2, Cause.ACCELERATION_LIMIT), (1e30, Cause.POSITION_LIMIT)])
def test_a_fade_to_a_chunk_far_away_is_refused_for_the_motion_it_asks_for(offset_rad: float, cause: Cause) -> None:
    run = Run(**FADE)
    run.go(150)
    run.interpolator.offer(replace(odd := run.observe(), positions=odd.positions + offset_rad), run.now_ns)
    run.go(1)
    assert run.causes == [cause]


def test_bad_first_chunk_is_refused_too() -> None:
    run = Run()
    run.policy_alive = False
    run.interpolator.offer(_nan(run.observe()), T0_NS + CHUNK_NS)
    run.go(2)
    assert run.causes == [Cause.NOT_FINITE] * 2
    assert run.interpolator.statistics.unusable_chunks == 1


def test_refused_command_is_replaced_by_one_that_begins_on_the_last_that_passed() -> None:
    run = Run()
    run.go(150)
    passed = run.passed
    assert passed is not None
    run.lossy = True
    run.go(2)  # these two are on their way to safety, which refuses them
    run.lossy = False
    run.interpolator.acknowledge(passed.sequence, 1)
    (command,) = run.go(1)
    assert max(_seams([passed, command])[0]) < 1e-9
    assert run.interpolator.statistics.resyncs == 1


def test_motion_recovers_after_more_lost_commands_than_it_has_periods() -> None:
    run = Run()
    run.go(150)
    run.lossy = True
    run.go(8)  # lost on the way: the robot is braking meanwhile
    run.lossy = False
    run.go(100)
    assert len(run.causes) <= 1  # the discontinuity that shows the loss
    assert run.passed is not None
    assert run.passed.sequence == run.sent[-1].sequence


@pytest.mark.parametrize("alive", [True, False])  # with a new chunk after the gap, and on the old one
def test_motion_continues_without_a_step_after_missed_ticks(alive: bool) -> None:
    run = Run()
    run.go(150)
    run.policy_alive = alive
    run.now_ns += 7 * PERIOD_NS
    run.go(20)
    assert run.causes == []
    assert run.passed is not None
    assert run.passed.chunk_sequence
    assert np.array(_seams(run.sent)).max() < 1e-9


def test_refusal_before_anything_passed_begins_again_at_the_measured_pose() -> None:
    run = Run()
    run.policy_alive = False
    run.lossy = True
    run.go(2)
    moved = replace(run.state, positions=run.state.positions + 0.01)
    run.interpolator.measure(moved)
    run.interpolator.acknowledge(0, 1)
    (command,) = run.go(1)
    np.testing.assert_array_equal(command.positions[0], moved.positions)


def test_nothing_is_proposed_unless_armed_and_measured() -> None:
    interpolator = Interpolator(DROID, InterpolationSettings())
    motion = ExampleMotion(DROID)
    assert interpolator.tick(T0_NS) is None
    interpolator.arm(T0_NS)
    assert interpolator.tick(T0_NS) is None
    interpolator.measure(replace(motion.state(T0_NS), names=("elbow",) * 8))
    assert interpolator.tick(T0_NS) is None
    interpolator.measure(motion.state(T0_NS))
    assert interpolator.tick(T0_NS) is not None


def test_disarming_forgets_the_timeline_and_sequences_go_on() -> None:
    run = Run()
    before = run.go(100)[-1]
    run.interpolator.disarm()
    assert run.interpolator.tick(run.now_ns + PERIOD_NS) is None
    run.interpolator.arm(run.now_ns + PERIOD_NS)
    again = run.interpolator.tick(run.now_ns + 2 * PERIOD_NS)
    assert again is not None
    assert (again.sequence, again.chunk_sequence) == (before.sequence + 1, 0)
    np.testing.assert_array_equal(again.positions[0], run.state.positions)


def test_seams_are_measured() -> None:
    run = Run(noise=0.01)
    run.go(200)
    statistics = run.interpolator.statistics
    assert 0.001 < statistics.max_seam_offset_rad < 0.2
    assert 0.01 < statistics.max_seam_velocity_step_rad_s < 10 * PERIOD_NS * 1e-9


MODES = [(mode, seam) for mode in ("receding", "ensemble", "rtc") for seam in ("fade", "correction")]


@pytest.mark.parametrize(("mode", "seam"), MODES)
@pytest.mark.parametrize("seed", range(3))
def test_in_every_mode_commands_continue_each_other_and_end_at_rest(mode: str, seam: str, seed: int) -> None:
    run = Run(seed, noise=0.1, mode=mode, seam=seam)
    run.lossy = True
    assert np.array(_seams(run.go(150))).max() < 1e-9
    assert not any(command.velocities[-1].any() for command in run.sent)


@pytest.mark.parametrize(("mode", "seam"), MODES)
def test_in_every_mode_clean_motion_is_never_refused_and_first_motion_is_bounded(mode: str, seam: str) -> None:
    run = Run(mode=mode, seam=seam, noise=0.002)
    for command in run.go(5):
        assert (np.abs(command.velocities[: command.motion_points]) <= 0.25 * LIMITS.velocity).all()
    run.go(200)
    assert run.causes == []
    assert run.interpolator.statistics.starved_ticks == 0


@pytest.mark.parametrize(("seam", "blend_s"), [("fade", 0.3), ("correction", 0.3)])
def test_an_ensemble_moves_less_for_one_chunk_that_is_off(seam: str, blend_s: float) -> None:
    far = {}
    for mode in ("receding", "ensemble"):
        run = Run(mode=mode, seam=seam, blend_s=blend_s)
        run.go(200)
        run.interpolator.offer(replace(odd := run.observe(), positions=odd.positions + 0.03), run.now_ns)
        run.policy_alive = False
        *_, command = run.ticks(15)
        far[mode] = np.abs(command.positions[0] - run.motion.positions(np.array([command.start_ns * 1e-9]))).max()
    assert far["ensemble"] < 0.6 * far["receding"]


def test_a_correction_passes_a_chunk_0_2_rad_away_within_all_limits_but_none_1_rad_away() -> None:
    causes = {}
    for offset_rad in (0.2, 1.0):
        run = Run()
        run.go(150)
        run.interpolator.offer(replace(odd := run.observe(), positions=odd.positions + offset_rad), run.now_ns)
        run.go(20)
        causes[offset_rad] = run.causes
    assert causes[0.2] == []
    assert set(causes[1.0]) & {Cause.VELOCITY_LIMIT, Cause.ACCELERATION_LIMIT}


# What an operator asks for.


def _measured_where_told(run: Run) -> None:
    """Let the robot be where the last command that passed puts it."""
    assert run.passed is not None
    run.state = RobotState(run.now_ns, DROID.joint_names, *cubic.evaluate(run.passed, run.now_ns))
    run.interpolator.measure(run.state)


def test_a_hold_brings_the_robot_to_rest_and_no_chunk_of_the_same_instruction_moves_it() -> None:
    run = Run()
    run.go(100)
    run.interpolator.hold()
    commands = run.go(150)
    assert run.causes == []
    assert all(command.operator_requested and command.chunk_sequence == 0 for command in commands)
    assert not commands[-1].velocities.any()
    assert np.ptp(commands[-1].positions, axis=0).max() == 0


@pytest.mark.parametrize("seed", range(4))
def test_a_move_home_is_accepted_by_safety_and_ends_at_rest_in_the_home_pose(seed: int) -> None:
    run = Run(seed)
    run.go(100)
    _measured_where_told(run)
    duration_s = run.interpolator.home()
    assert run.interpolator.is_homing
    commands = run.go(round(duration_s / 0.02) + 100)
    assert run.causes == []
    assert not run.interpolator.is_homing
    np.testing.assert_allclose(commands[-1].positions[-1], DROID.pose("home"), atol=1e-9)
    assert not commands[-1].velocities.any()


def test_a_move_home_keeps_to_its_part_of_the_limits() -> None:
    run = Run()
    run.interpolator.home()
    commands = run.go(400)
    bound = InterpolationSettings().home_ratio * DROID.limits("velocity")
    speeds = np.max([np.abs(command.velocities).max(axis=0) for command in commands], axis=0)
    assert (speeds <= bound * 1.001).all()
    assert speeds.max() > 0.5 * bound.min()


def test_chunks_of_a_new_instruction_are_followed_after_the_move_home_and_not_during_it() -> None:
    run = Run()
    run.go(50)
    _measured_where_told(run)
    duration_s = run.interpolator.home()
    new_task = replace(run.observe(), instruction_sequence=1)
    run.interpolator.offer(new_task, run.now_ns + LATENCY_NS)
    run.policy_alive = False
    assert all(command.operator_requested for command in run.go(round(duration_s / 0.02) + 20))
    while run.observed_ns + CHUNK_NS < run.now_ns:
        run.observe()
    run.interpolator.offer(replace(run.observe(), instruction_sequence=1), run.now_ns + LATENCY_NS)
    assert [command.operator_requested for command in run.go(2)] == [False, False]


def test_a_withdrawn_instruction_brings_the_robot_to_rest_and_none_of_its_chunks_moves_it() -> None:
    run = Run()
    run.interpolator.instruct(0)
    run.go(100)
    run.interpolator.instruct(1, withdrawn=True)
    commands = run.go(150)  # the policy goes on: it has not received the withdrawal
    assert run.causes == []
    assert all(command.operator_requested and command.chunk_sequence == 0 for command in commands)
    assert not commands[-1].velocities.any()


@pytest.mark.parametrize("ends", ["withdrawn", "held", "replaced"])
def test_the_first_chunk_of_an_instruction_that_ended_before_it_came_is_not_followed(ends: str) -> None:
    run = Run()
    run.interpolator.instruct(4)
    run.policy_alive = False
    late = replace(run.observe(), instruction_sequence=4)
    if ends == "held":
        run.interpolator.hold()
    else:
        run.interpolator.instruct(5, withdrawn=ends == "withdrawn")
    run.interpolator.offer(late, run.now_ns + LATENCY_NS)
    assert all(command.chunk_sequence == 0 for command in run.go(10))


def test_a_withdrawn_instruction_stays_so_when_the_robot_is_armed_again() -> None:
    run = Run()
    run.interpolator.instruct(0, withdrawn=True)
    run.interpolator.disarm()
    run.interpolator.arm(run.now_ns)
    assert all(command.chunk_sequence == 0 for command in run.go(20))


def test_a_withdrawal_does_not_end_a_move_home_whichever_comes_first() -> None:
    for home_first in (False, True):
        run = Run()
        run.interpolator.instruct(0)
        run.go(50)
        _measured_where_told(run)
        if not home_first:
            run.interpolator.instruct(1, withdrawn=True)
        duration_s = run.interpolator.home()
        if home_first:
            run.interpolator.instruct(1, withdrawn=True)
        commands = run.go(round(duration_s / 0.02) + 100)
        np.testing.assert_allclose(commands[-1].positions[-1], DROID.pose("home"), atol=1e-9)


def test_after_a_withdrawal_chunks_of_the_next_instruction_are_followed() -> None:
    run = Run()
    run.interpolator.instruct(0)
    run.go(50)
    run.interpolator.instruct(1, withdrawn=True)
    run.go(100)
    run.interpolator.instruct(2)
    run.policy_alive = False
    run.interpolator.offer(replace(run.observe(), instruction_sequence=2), run.now_ns + LATENCY_NS)
    assert [command.operator_requested for command in run.go(2)] == [False, False]


def test_home_needs_to_be_armed() -> None:
    run = Run()
    run.interpolator.disarm()
    with pytest.raises(ValueError, match="not armed"):
        run.interpolator.home()


def test_an_ensemble_forgets_the_chunks_of_the_instruction_before() -> None:
    run = Run(mode="ensemble")
    run.go(60)
    assert len(run.interpolator._in_force) > 5
    run.interpolator.offer(replace(run.observe(), instruction_sequence=7), run.now_ns + LATENCY_NS)
    run.policy_alive = False
    run.go(1)
    assert len(run.interpolator._in_force) == 1


@pytest.mark.parametrize("scale", [0.1, 0.5])
def test_a_speed_scale_keeps_the_path_and_lowers_the_speed(scale: float) -> None:
    """One chunk, followed to its end: the same rows, 1 / scale as late."""
    run = Run(ratio=0.1, speed_scale=scale, ramp_start_ratio=0.8, seam="fade", blend_s=0.3)
    chunk = run.observe()
    run.policy_alive, run.lossy = False, True  # safety would rightly stop for an observation that grows old
    run.interpolator.offer(chunk, run.now_ns + LATENCY_NS)
    commands = run.go(int(0.95 * 14 / 15 / scale / 0.02))
    starts = np.array([command.start_ns for command in commands])
    at_row = (starts - chunk.stamp_ns) * 1e-9 * scale * 15  # rows behind the observation
    settled = (at_row > 6) & (at_row < 13)  # the ramp is over
    assert settled.any()
    rows = np.arange(len(chunk.positions))
    for joint in range(len(DROID.joints)):
        planned = np.interp(at_row[settled], rows, chunk.positions[:, joint])
        followed = np.array([command.positions[0, joint] for command in commands])[settled]
        np.testing.assert_allclose(followed, planned, atol=0.01)
    speed = np.max(np.abs([command.velocities[0] for command in commands])[settled], axis=0)
    own_speed = np.abs(np.diff(chunk.positions, axis=0)).max(axis=0) * 15
    assert (speed <= 1.05 * scale * own_speed).all()


def test_chunks_of_a_second_policy_are_not_followed_and_every_command_says_so() -> None:
    run = Run()
    run.policy = 7
    run.go(60)
    run.interpolator.offer(replace(run.observe(), policy=8), run.now_ns + LATENCY_NS)
    run.policy_alive = False
    [command] = run.go(1)
    assert command.rejection.cause == RejectionCause.SECOND_PUBLISHER
    assert "another policy process" in command.rejection.text


def test_another_policy_may_take_over_after_a_rest_that_an_operator_asked_for() -> None:
    run = Run()
    run.policy = 7
    run.go(60)
    run.interpolator.hold()
    run.interpolator.offer(replace(run.observe(), policy=8, instruction_sequence=1), run.now_ns + LATENCY_NS)
    run.policy_alive = False
    [command] = run.go(1)
    assert command.rejection.count == 0
