# SPDX-License-Identifier: Apache-2.0
"""Interpolation and safety in one process on one hand-turned clock: clean motion passes, each bad chunk has its cause.

The robot follows its commands with a delay, its measurements are noisy, the policy is late, calls come with jitter.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("ruckig", reason="interpolation brakes with ruckig")

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.action_chunk import ActionChunk
from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interfaces.safety_state import Cause, Mode
from molmoact2_ros.interpolation import InterpolationSettings, Interpolator
from molmoact2_ros.safety import BridgeReport, Limits, Monitor, PerceptionReport, Settings
from molmoact2_ros.safety.cubic import evaluate
from molmoact2_ros.timing import Instant

ORIGIN_NS = 1_700_000_000_000_000_000
TICK_S = 0.01
COMMAND_TICKS = 2
ROBOT_DELAY_S = 0.04  # time constant of the controllers
POLICY_LATENCY_S = 0.12
STATE_AGE_NS = 5_000_000
ROBOT = Embodiment.load("droid")
LIMITS = Limits.load(ROBOT, Settings.gripper_overrun)
JOINTS = len(LIMITS.names)


class Loop:
    """A policy that swings every joint in two sinusoids, up to `briskness` of the velocity and acceleration limits."""

    def __init__(self, seed: int, briskness: float = 0.5, spread_rad: float = 0.01) -> None:
        self.monitor = Monitor(ROBOT, LIMITS, Settings())
        self.interpolator = Interpolator(ROBOT, InterpolationSettings())
        self.chunk_changes: dict[str, object] = {}
        self.policy_runs = True
        self.drift_rad_s = 0.0
        self.stamps_ahead_ns = 0
        self._random = np.random.default_rng(seed)
        self._spread_rad = spread_rad  # of one chunk's rows against the next one's
        self._turn_rad_s = self._random.uniform(0.5, 6.0, (2, JOINTS))
        self._phase = self._random.uniform(0, 2 * np.pi, (2, JOINTS))
        bounds = (LIMITS.velocity / self._turn_rad_s, LIMITS.acceleration / self._turn_rad_s**2)
        self._swing = np.minimum(briskness * np.minimum(*bounds), 0.4 * (LIMITS.high - LIMITS.low)) / 2
        self._tick = 0
        self._executed: JointCommand | None = None
        self._chunks: list[tuple[float, ActionChunk]] = []
        self._sequence = 0
        self.positions = self._path(np.zeros(1))[0]

    def run(self, seconds: float) -> Loop:
        for _ in range(round(seconds / TICK_S)):
            self._tick += 1
            self._measure()
            self._infer()
            if self._tick % COMMAND_TICKS == 0:
                self._command()
        return self

    def armed(self) -> Loop:
        self.run(0.5)
        assert self.monitor.arm(self._now()).done
        self.interpolator.arm(self._now().ros_ns)
        return self

    @property
    def cause(self) -> Cause:
        stop = self.monitor.snapshot.stop
        return stop.cause if stop else Cause.NONE

    def _now(self, late_s: float = 0.0) -> Instant:
        passed_ns = round((self._tick * TICK_S + late_s) * 1e9)
        return Instant(ORIGIN_NS + passed_ns, passed_ns)

    def _path(self, times_s: np.ndarray) -> np.ndarray:
        angle = self._turn_rad_s * times_s[:, None, None] + self._phase  # [times, 2, joints]
        return (LIMITS.low + LIMITS.high) / 2 + (self._swing * np.sin(angle)).sum(axis=1)

    def _measure(self) -> None:
        now, before = self._now(), self.positions
        if self._executed is not None:
            wanted, _ = evaluate(self._executed, now.ros_ns)
            self.positions = before + (wanted - before) * (1 - np.exp(-TICK_S / ROBOT_DELAY_S))
        state = RobotState(
            now.ros_ns - STATE_AGE_NS,
            LIMITS.names,
            self.positions + self._random.normal(0, 1e-4, JOINTS),
            (self.positions - before) / TICK_S + self._random.normal(0, 2e-3, JOINTS),
        )
        self.monitor.on_bridge(BridgeReport(), now)
        self.monitor.on_perception(PerceptionReport(ready=True), now)
        self.monitor.on_robot_state(state, now)
        self.interpolator.measure(state)

    def _infer(self) -> None:
        time_s, now_ns = self._tick * TICK_S, self._now().ros_ns
        if self.policy_runs and self._tick % 7 == 0:
            self._sequence += 1
            rows = self._path(time_s + np.arange(ROBOT.policy.horizon) * ROBOT.policy.step_s)
            rows[:, 1] += self.drift_rad_s * time_s  # joint 2 has the shortest way
            rows = rows + self._random.normal(0, self._spread_rad, JOINTS)
            chunk = ActionChunk(now_ns + self.stamps_ahead_ns, self._sequence, ROBOT.policy.step_s, LIMITS.names, rows)
            self._chunks.append((time_s + POLICY_LATENCY_S, dataclasses.replace(chunk, **self.chunk_changes)))
        while self._chunks and self._chunks[0][0] <= time_s:
            self.interpolator.offer(self._chunks.pop(0)[1], now_ns)

    def _command(self) -> None:
        snapshot = self.monitor.snapshot
        lost = snapshot.last_refusal is not None and snapshot.last_refusal.cause is Cause.DISCONTINUITY
        self.interpolator.acknowledge(snapshot.passed_sequence, snapshot.refused, lost)
        command = self.interpolator.tick(self._now().ros_ns)
        late = self._now(self._random.uniform(0, 0.004))
        if command is not None and self.monitor.on_command(command, late):
            self._executed = command


@pytest.mark.parametrize("seed", range(6))
def test_clean_motion_is_never_refused(seed: int) -> None:
    loop = Loop(seed).armed().run(8.0)
    snapshot = loop.monitor.snapshot
    assert (snapshot.mode, snapshot.refused) == (Mode.ARMED, 0), snapshot.last_refusal
    assert snapshot.passed_sequence >= 395
    assert loop.interpolator.statistics.starved_ticks == 0


def test_motion_stays_clean_when_single_commands_are_lost_to_a_refusal() -> None:
    loop = Loop(seed=1).armed()
    for _ in range(5):
        loop.run(1.0)
        loop.interpolator.tick(loop._now().ros_ns + 20_000_000)  # proposed, but safety never receives it
    assert loop.monitor.snapshot.refused == 0
    assert loop.monitor.mode is Mode.ARMED


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"positions": np.full((15, JOINTS), np.nan)}, Cause.NOT_FINITE),
        ({"names": ("elbow", *LIMITS.names[1:])}, Cause.WRONG_JOINTS),
        ({"positions": np.zeros((15, 7))}, Cause.WRONG_SHAPE),
        ({"positions": np.zeros((2, JOINTS))}, Cause.WRONG_SHAPE),
        ({"positions": np.zeros((10_000, JOINTS))}, Cause.WRONG_SHAPE),
        ({"step_s": 1e-6}, Cause.WRONG_SHAPE),
        ({"step_s": 1e6}, Cause.WRONG_SHAPE),
    ],
    ids=["NaN", "names", "width", "two rows", "10000 rows", "1 us", "11 days"],
)
def test_a_bad_chunk_stops_the_robot_with_its_own_cause(changes: dict[str, object], cause: Cause) -> None:
    loop = Loop(seed=2).armed().run(2.0)
    loop.chunk_changes = changes
    assert loop.run(1.0).cause is cause


@pytest.mark.parametrize("ahead_s", [0.3, 0.9])
def test_stamps_from_the_future_are_named_as_clocks_that_differ_and_not_as_silence(ahead_s: float) -> None:
    loop = Loop(seed=2).armed().run(2.0)
    loop.stamps_ahead_ns = round(ahead_s * 1e9)
    assert loop.run(1.5).cause is Cause.STALE_OBSERVATION
    assert "in the future" in loop.monitor.snapshot.text
    assert "clocks" in loop.monitor.snapshot.text


def test_stamps_from_the_future_stop_a_robot_that_waits_for_its_first_chunk() -> None:
    loop = Loop(seed=2)
    loop.stamps_ahead_ns = 900_000_000
    assert loop.armed().run(2.5).cause is Cause.STALE_OBSERVATION


def test_chunks_with_one_stamp_for_ever_are_named_as_that_and_not_as_silence() -> None:
    loop = Loop(seed=2).armed().run(2.0)
    loop.chunk_changes = {"stamp_ns": loop._now().ros_ns}
    assert loop.run(1.5).cause is Cause.STALE_OBSERVATION
    assert "the same as that of the chunk before it" in loop.monitor.snapshot.text


def test_a_chunk_that_jumps_by_one_radian_is_refused_for_the_motion_it_asks_for() -> None:
    loop = Loop(seed=2).armed().run(2.0)
    inwards = -np.sign(loop.positions[0]) * np.eye(JOINTS)[0]
    loop.chunk_changes = {"positions": np.tile(loop.positions + inwards, (ROBOT.policy.horizon, 1))}
    assert loop.run(1.0).cause is Cause.VELOCITY_LIMIT
    assert loop.monitor.snapshot.stop is not None
    assert loop.monitor.snapshot.stop.joint == "joint1"


def test_a_slow_drift_out_of_range_is_stopped_at_the_limit() -> None:
    loop = Loop(seed=2, briskness=0.1).armed()
    loop.drift_rad_s = 0.3
    assert loop.run(12.0).cause is Cause.POSITION_LIMIT
    assert (loop.positions < LIMITS.high + 0.01).all()


def test_a_dead_policy_is_named_and_the_robot_stands_where_its_last_command_ended() -> None:
    loop = Loop(seed=3).armed().run(2.0)
    loop.policy_runs = False
    loop.run(3.0)
    assert loop.cause is Cause.POLICY_SILENT
    assert loop.monitor.mode is Mode.STOPPED
    assert loop._executed is not None
    assert loop.positions == pytest.approx(loop._executed.positions[-1], abs=1e-6)
