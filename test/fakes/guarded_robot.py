# SPDX-License-Identifier: Apache-2.0
"""A monitor with a robot that obeys and neighbours that report, on a clock that tests turn by hand."""

from __future__ import annotations

import dataclasses

import numpy as np

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.joint_command import JointCommand, command_in_order
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.safety import BridgeReport, Limits, Monitor, PerceptionReport, Settings
from molmoact2_ros.safety.cubic import evaluate
from molmoact2_ros.safety.example import ExampleMotion
from molmoact2_ros.timing import Instant

ORIGIN_NS = 1_700_000_000_000_000_000  # ROS time of steady 0
PERIOD_S = 0.02
CHUNK_PERIODS = 4  # commands per chunk
OBSERVATION_AGE_NS = 100_000_000
STATE_AGE_NS = 10_000_000  # drivers report late


class GuardedRobot:
    """One step is one command period. A topic in `silent` is not published: state, bridge, perception, commands."""

    def __init__(self, **settings: float) -> None:
        self.settings = dataclasses.replace(Settings(), **settings)
        self.embodiment = Embodiment.load("droid")
        self.limits = Limits.load(self.embodiment, self.settings.gripper_overrun)
        self.monitor = Monitor(self.embodiment, self.limits, self.settings)
        self.motion = ExampleMotion(self.limits, PERIOD_S)
        self.silent: set[str] = set()
        self.enabling_device: bool | None = None  # what the switch says; None: there is none
        self.perception = PerceptionReport(ready=True)
        self.bridge = BridgeReport()
        self.fault = ""
        self.measured_off = np.zeros(len(self.limits.names))  # measured pose less the true one
        self.velocity_factor = 1.0  # of the unit in which the driver reports velocities
        self.frozen: RobotState | None = None  # what the driver goes on repeating, under new stamps
        self.follows_chunks = True
        self.chunks_end_at: int | None = None  # command from which the policy says nothing new
        self.observation_age_ns = OBSERVATION_AGE_NS
        self.time_s = 0.0
        self.ros_ahead_s = 0.0  # what ROS time has gained on the steady clock
        self.commands = 0
        self.positions, self.velocities = self.motion.state(0)
        self.passed: list[JointCommand] = []

    @property
    def now(self) -> Instant:
        return Instant(ORIGIN_NS + round((self.time_s + self.ros_ahead_s) * 1e9), round(self.time_s * 1e9))

    def state(self) -> RobotState:
        stamp_ns, text = self.now.ros_ns - STATE_AGE_NS, self.fault
        if self.frozen is not None:
            return dataclasses.replace(self.frozen, stamp_ns=stamp_ns)
        positions = self.positions + self.measured_off
        velocities = self.velocity_factor * self.velocities
        return RobotState(stamp_ns, self.limits.names, positions, velocities, int(bool(text)), text)

    def report(self) -> None:
        """Let the neighbours say what they say."""
        if "bridge" not in self.silent:
            self.monitor.on_bridge(self.bridge, self.now)
        if "perception" not in self.silent:
            self.monitor.on_perception(self.perception, self.now)
        if self.enabling_device is not None:
            self.monitor.on_enabling_device(self.enabling_device, self.now)
        if "state" not in self.silent:
            self.monitor.on_robot_state(self.state(), self.now)
        self.monitor.tick(self.now)

    def rest(self, seconds: float) -> GuardedRobot:
        """Let time pass without commands."""
        for _ in range(round(seconds / PERIOD_S)):
            self.time_s += PERIOD_S
            self.report()
        return self

    def arm(self) -> GuardedRobot:
        """Stand for a while, then arm."""
        reply = self.rest(0.2).monitor.arm(self.now)
        assert reply.done, reply.text
        return self

    def command(self, index: int) -> JointCommand:
        """Return the clean command that is due now."""
        last = index if self.chunks_end_at is None else min(index, self.chunks_end_at - 1)
        chunk = 1 + last // CHUNK_PERIODS
        observed_ns = self.now.ros_ns - self.observation_age_ns - round((index - last) * PERIOD_S * 1e9)
        origin_ns = self.now.ros_ns - round(index * PERIOD_S * 1e9)
        return self.motion.command(index, origin_ns, *((chunk, observed_ns) if self.follows_chunks else ()))

    def drive(self, periods: int, **changes: object) -> GuardedRobot:
        """Propose commands, with fields changed if given; the robot does what is commanded."""
        for _ in range(periods):
            self.time_s += PERIOD_S
            self.report()
            if "commands" not in self.silent:
                command = dataclasses.replace(self.command(self.commands), **changes)
                if self.monitor.on_command(command, self.now):
                    self.passed.append(command)
                    ordered = command_in_order(command, self.limits.names)
                    self.positions, self.velocities = ordered.positions[0], ordered.velocities[0]
                self.commands += 1
            elif self.passed:
                self.positions, self.velocities = evaluate(self.passed[-1], self.now.ros_ns)
        return self

    def hold(self, periods: int) -> GuardedRobot:
        """Propose to stay."""
        positions = np.tile(self.positions, (3, 1))
        return self.drive(periods, positions=positions, velocities=np.zeros_like(positions), motion_points=1)

    def stand(self) -> GuardedRobot:
        """Let the robot come to rest where it is."""
        self.velocities = np.zeros_like(self.velocities)
        return self
