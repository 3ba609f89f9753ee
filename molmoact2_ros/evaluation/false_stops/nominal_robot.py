# SPDX-License-Identifier: Apache-2.0
"""A robot that follows its commands and nominal behaviour of all other nodes, around the real interpolator and safety.

One process, one clock that is turned by hand, no ROS. Nothing is wrong here, but nothing is perfect either: controllers
follow late, encoders are noisy, states are late and sometimes lost, the policy's latency varies and its chunks scatter,
timers jitter, heartbeats come late. Whatever safety refuses in this world is a false alarm.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.action_chunk import ActionChunk
from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interfaces.safety_state import Cause, Mode, Snapshot
from molmoact2_ros.interpolation import InterpolationSettings, Interpolator
from molmoact2_ros.safety import BridgeReport, CollisionChecker, Limits, Monitor, PerceptionReport, Settings
from molmoact2_ros.safety.cubic import evaluate
from molmoact2_ros.timing import Instant

Vector = NDArray[np.float64]

ORIGIN_NS = 1_700_000_000_000_000_000
TICK_S = 0.01  # robot_state comes at 100 Hz
PERCEPTION_TICKS, BRIDGE_TICKS, PUBLISHERS_TICKS = 20, 10, 50  # 5 Hz, 10 Hz, 2 Hz
ROBOT_DELAY_S = 0.04  # time constant of the controllers
POSITION_NOISE, VELOCITY_NOISE = 1e-4, 2e-3  # deviation; rad or strokes, and per second
STATE_AGE_S = (0.002, 0.015)
STATE_LOSS = 0.01  # share of the states
POLICY_LATENCY_S = (0.08, 0.25)
COMMAND_LATENESS_S = 0.006  # of a busy computer's timers
HEARTBEAT_LATENESS_TICKS = 6
CHUNK_SCATTER = 0.005  # rad or strokes, of one chunk's rows against the next one's
TURNS_RAD_S = (0.3, 2.5)
BRISKNESS = 0.4  # of the velocity and acceleration limits, and of the way to the position limits
SHRINK = 0.8  # of a swing that leaves the space
SPACE_SAMPLES = 2000  # 100 s of the path


class CleanWorld:
    """Swing every joint about the home pose in two sinusoids, as far as limits and space allow."""

    def __init__(self, embodiment: Embodiment, seed: int = 0) -> None:
        """Draw the motion.

        Raises:
            SafetyError: the embodiment's URDF cannot be used.
        """
        settings = Settings()
        self._robot = embodiment
        self._limits = Limits.load(embodiment, settings.gripper_overrun)
        collision_checker = CollisionChecker.load(embodiment)
        self._monitor = Monitor(embodiment, self._limits, settings, collision_checker)
        self._interpolator = Interpolator(embodiment, InterpolationSettings())
        self._random = np.random.default_rng(seed)
        self._command_ticks = round(1.0 / embodiment.command_rate_hz / TICK_S)
        self._policy_ticks = round(embodiment.policy.step_s / TICK_S)
        joints = len(self._limits.names)
        self._turn_rad_s = self._random.uniform(*TURNS_RAD_S, (2, joints))
        self._phase = self._random.uniform(0, 2 * np.pi, (2, joints))
        self._middle = np.clip(embodiment.pose("home"), self._limits.low + 0.1, self._limits.high - 0.1)
        self._swing = self._largest_swing()
        self._shrink_into(collision_checker)
        self._tick = 0
        self._chunks: deque[tuple[float, ActionChunk]] = deque()
        self._sequence = 0
        self._due: dict[str, int] = {}  # tick of the next heartbeat
        self._executed: JointCommand | None = None
        self._positions = self.path(np.zeros(1))[0]

    @property
    def snapshot(self) -> Snapshot:
        """What safety says."""
        return self._monitor.snapshot

    @property
    def swing(self) -> Vector:
        """How far each joint goes from the middle, at most [joints]."""
        return 2 * self._swing

    def arm(self) -> None:
        """Stand for a while, then arm; raise ValueError when safety refuses."""
        self.run(0.5)
        reply = self._monitor.arm(self._now())
        if not reply.done:
            raise ValueError(reply.text)
        self._interpolator.arm(self._now().ros_ns)

    def run(self, seconds: float) -> None:
        """Turn the clock."""
        for _ in range(round(seconds / TICK_S)):
            self._tick += 1
            self._report()
            self._measure()
            self._infer()
            if self._tick % self._command_ticks == 0:
                self._command()

    @property
    def is_armed(self) -> bool:
        """Whether safety lets commands pass."""
        return self._monitor.mode is Mode.ARMED

    def path(self, times_s: Vector) -> Vector:
        """Return the target positions of the joints [times, joints]."""
        angle = self._turn_rad_s * times_s[:, None, None] + self._phase  # [times, 2, joints]
        return self._middle + (self._swing * np.sin(angle)).sum(axis=1)

    def _largest_swing(self) -> Vector:
        limits, turn = self._limits, self._turn_rad_s
        room = np.minimum(limits.high - self._middle, self._middle - limits.low)
        rates = np.minimum(limits.velocity / turn, limits.acceleration / turn**2).min(axis=0)
        return BRISKNESS * np.minimum(rates, room) / 2

    def _shrink_into(self, collision_checker: CollisionChecker) -> None:
        """Keep the path, and as much again as chunks scatter and fades overshoot, inside the space."""
        times_s = np.linspace(0, 100, SPACE_SAMPLES)
        # A path is judged 1.2 times as wide, and as fast as its own speed and half as much for the seams.
        while any(
            collision_checker.check(self._middle + 1.2 * (row - self._middle), 1.5 * speed) is not None
            for row, speed in zip(self.path(times_s), self._speeds(times_s), strict=True)
        ):
            self._swing = SHRINK * self._swing

    def _speeds(self, times_s: Vector) -> Vector:
        angle = self._turn_rad_s * times_s[:, None, None] + self._phase
        return (self._swing * self._turn_rad_s * np.cos(angle)).sum(axis=1)

    def _now(self, late_s: float = 0.0) -> Instant:
        passed_ns = round((self._tick * TICK_S + late_s) * 1e9)
        return Instant(ORIGIN_NS + passed_ns, passed_ns)

    def _report(self) -> None:
        now = self._now()
        if self._is_due("bridge", BRIDGE_TICKS):
            self._monitor.on_bridge(BridgeReport(), now)
        if self._is_due("perception", PERCEPTION_TICKS):
            self._monitor.on_perception(PerceptionReport(ready=True), now)
        if self._tick % PUBLISHERS_TICKS == 0:
            self._monitor.on_publishers("command/proposed", ["interpolator"], now)

    def _is_due(self, name: str, period_ticks: int) -> bool:
        """Return whether a heartbeat is due now: on its grid, each by itself late."""
        if self._tick < self._due.get(name, 0):
            return False
        late = int(self._random.integers(0, HEARTBEAT_LATENESS_TICKS))
        self._due[name] = (self._tick // period_ticks + 1) * period_ticks + late
        return True

    def _measure(self) -> None:
        now, before, joints = self._now(), self._positions, len(self._limits.names)
        if self._executed is not None:
            wanted, _ = evaluate(self._executed, now.ros_ns)
            self._positions = before + (wanted - before) * (1 - np.exp(-TICK_S / ROBOT_DELAY_S))
        if self._random.random() < STATE_LOSS:
            return
        age_ns = round(self._random.uniform(*STATE_AGE_S) * 1e9)
        state = RobotState(
            now.ros_ns - age_ns,
            self._limits.names,
            self._positions + self._random.normal(0, POSITION_NOISE, joints),
            (self._positions - before) / TICK_S + self._random.normal(0, VELOCITY_NOISE, joints),
        )
        self._monitor.on_robot_state(state, now)
        self._interpolator.measure(state)

    def _infer(self) -> None:
        time_s, policy = self._tick * TICK_S, self._robot.policy
        if self._tick % self._policy_ticks == 0:
            self._sequence += 1
            rows = self.path(time_s + np.arange(policy.horizon, dtype=np.float64) * policy.step_s)
            rows = rows + self._random.normal(0, CHUNK_SCATTER, len(self._limits.names))
            chunk = ActionChunk(self._now().ros_ns, self._sequence, policy.step_s, self._limits.names, rows)
            self._chunks.append((time_s + self._random.uniform(*POLICY_LATENCY_S), chunk))
        while self._chunks and self._chunks[0][0] <= time_s:
            self._interpolator.offer(self._chunks.popleft()[1], self._now().ros_ns)

    def _command(self) -> None:
        snapshot = self._monitor.snapshot
        lost = snapshot.last_refusal is not None and snapshot.last_refusal.cause is Cause.DISCONTINUITY
        self._interpolator.acknowledge(snapshot.passed_sequence, snapshot.refused, lost)
        late_s = self._random.uniform(0, COMMAND_LATENESS_S)
        command = self._interpolator.tick(self._now(late_s).ros_ns)
        if command is not None and self._monitor.on_command(command, self._now(late_s + 0.001)):
            self._executed = command
