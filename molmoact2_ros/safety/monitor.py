# SPDX-License-Identifier: Apache-2.0
"""The one object that the safety node calls: what is received goes in, whether a command passes comes out.

It refuses and never corrects. A refused command is counted; several in a row stop the robot, which meanwhile plays the
brake of the last command that passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.joint_command import JointCommand, command_in_order, state_in_order
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interfaces.safety_state import Cause, Estop, Mode, Snapshot, Verdict
from molmoact2_ros.timing import Instant

from . import state_checks
from .clock_jump_detector import ClockJumpDetector
from .collision_checker import CollisionChecker
from .command_checks import Context, check_command
from .command_record import CommandRecord
from .devices import Devices
from .frozen_state import FrozenState
from .limits import Limits
from .reports import BridgeReport, PerceptionReport
from .settings import Settings
from .standstill import Standstill
from .state_machine import Reply, StateMachine
from .tracking import Tracking
from .unresponsive import Unresponsive
from .velocity_check import VelocityCheck
from .watchdog import SecondPublishers, Watchdog

# What is found when the robot does not execute commands: why it does not is the cause.
CONSEQUENCES = (Cause.JUMP, Cause.DISCONTINUITY, Cause.TRACKING_ERROR, Cause.FROZEN_STATE)
# What is found when something comes late or not at all: on a busy computer it may be well and have no processor.
LATENESSES = (
    Cause.OVERLOADED,
    Cause.STALE_STATE,
    Cause.STALE_COMMAND,
    Cause.STALE_OBSERVATION,
    Cause.STALE_CAMERA,
    Cause.PERCEPTION_SILENT,
    Cause.POLICY_SILENT,
    Cause.INTERPOLATOR_SILENT,
    Cause.BRIDGE_SILENT,
    Cause.ENABLING_DEVICE,
)
DRY_RUN = "dry_run is set: the controllers are sent nothing, so the robot does not follow"
OWN_SHARE = 0.75  # of state_timeout_s: this process must find out that it was late before it finds a state to be old


class Monitor:
    """Guard the right to move of one robot. Not thread-safe: call it from one thread. Time is handed in."""

    def __init__(
        self,
        embodiment: Embodiment,
        limits: Limits,
        settings: Settings,
        collision_checker: CollisionChecker | None = None,
        reported_together: Sequence[Sequence[str]] = (),
    ) -> None:
        """Start disarmed.

        Args:
            embodiment: the robot.
            limits: of its joints.
            settings: thresholds.
            collision_checker: its shapes; None: no workspace and collision checks (tests only).
            reported_together: names of the joints that one driver reports, for each driver; empty: all are one's.
        """
        self._limits = limits
        self._collision_checker = collision_checker
        self._settings = settings
        self._period_s = 1.0 / embodiment.command_rate_hz
        self._machine = StateMachine(settings.stop_time_max_s, settings.reset_cooldown_s)
        self._watchdog = Watchdog(settings)
        self._still_bounds = np.where(limits.is_gripper, settings.still_gripper_per_s, settings.still_arm_rad_s)
        self._standstill = Standstill(self._still_bounds, settings.still_time_s)
        self._clock = ClockJumpDetector(settings.clock_jump_max_s)
        self._frozen_state = FrozenState(limits, settings, reported_together)
        self._tracking = Tracking(limits, settings)
        self._unresponsive = Unresponsive(limits, settings, reported_together)
        self._velocities = VelocityCheck(limits)
        self._devices = Devices(settings)
        self._second_publishers = SecondPublishers()
        self._took_over = False  # a busy bridge may repeat what was reset in the meantime
        self._armed_at: Instant | None = None
        self._ran_at: Instant | None = None  # when this process last did anything here
        self._load = ""
        self._record = CommandRecord()

    @property
    def mode(self) -> Mode:
        """The present mode."""
        return self._machine.mode

    @property
    def overdue(self) -> bool:
        """Return whether a stop cannot be proven in time: the robot's own is needed."""
        return self._machine.overdue

    @property
    def snapshot(self) -> Snapshot:
        """All that is published; equal as long as nothing has changed."""
        return Snapshot(
            mode=self._machine.mode,
            text=self._machine.text,
            stop=self._machine.latched,
            passed_sequence=self._record.passed_sequence,
            refused=self._record.refused,
            refused_in_a_row=self._record.refused_in_a_row,
            last_refusal=self._record.last_refusal,
            pressed=self._devices.pressed,
        )

    # What is received.

    def on_robot_state(self, state: RobotState, now: Instant) -> None:
        """Take a measurement; one that cannot be read counts as none."""
        self._watch_time(now)
        defect = state_checks.defect(state, self._limits.names)
        if defect:
            self._watchdog.state_defect = defect
        else:
            if self._watchdog.check_state(now) is not None:
                self._standstill.forget()
            state = state_in_order(state, self._limits.names)
            self._watchdog.on_state(state, now)
            self._standstill.update(state.positions, state.velocities, now)
            if self.mode is Mode.ARMED and (verdict := state_checks.fault(state) or self._not_following(state, now)):
                self._stop(verdict, now)
        self.tick(now)

    def on_bridge(self, report: BridgeReport, now: Instant) -> None:
        """Take a bridge_state; a stop that a safety process before this one left behind is latched again, once."""
        self._watchdog.on_bridge(report, now)
        if report.former is not None and not self._took_over:
            self._took_over = True
            text = f"{report.former.text} (latched by the safety process before this one)"
            self._devices.pressed |= report.former_pressed
            self._machine.stop(Verdict(report.former.cause, text), now)
        elif report.text and self._machine.latched is not None and self._machine.latched.cause is Cause.STALE_STATE:
            self._machine.note_once(f"the bridge reports: {report.text}")  # it finds out which driver a moment later

    def on_perception(self, report: PerceptionReport, now: Instant) -> None:
        """Take a perception_status."""
        self._watchdog.on_perception(report, now)

    def on_estop(self, pressed: bool, now: Instant, device: Estop = Estop.TOPIC) -> Reply:
        """Stop when pressed, in every mode; a release only allows a reset."""
        verdict = self._devices.on_estop(pressed, device, now)
        if verdict is not None:
            return self._machine.stop(verdict, now)
        return Reply(True, f"released; {self.mode.name.lower()} as before: {self._machine.text}")

    def on_enabling_device(self, held: bool, now: Instant) -> None:
        """Take what the enabling device says."""
        self._devices.on_enabling_device(held, now)
        self.tick(now)

    def on_robot_stop(self, text: str) -> None:
        """Take what became of the robot's own stop, which was asked for because ours is overdue."""
        self._machine.note(text)

    def on_unreceived_estops(self, sentences: Sequence[str], now: Instant) -> None:
        """Take a sentence for each publisher of an e-stop that is listed, and whose messages do not arrive."""
        self._devices.unreceived = list(sentences)
        self.tick(now)

    def on_load(self, text: str) -> None:
        """Take a sentence on this computer's load; empty: it is not overloaded."""
        self._load = text

    def on_publishers(self, topic: str, names: Sequence[str], now: Instant) -> None:
        """Take the names of the nodes that publish on a topic that may have one publisher alone."""
        self._second_publishers.update(topic, names)
        self.tick(now)

    def on_command(self, command: JointCommand, now: Instant) -> bool:
        """Return whether a proposed command may go to the robot."""
        self.tick(now)
        if self.mode is not Mode.ARMED or self._watchdog.state is None:
            return False
        self._watchdog.on_command(now)
        context = Context(
            limits=self._limits,
            settings=self._settings,
            period_s=self._period_s,
            now_ns=now.ros_ns,
            measured=self._watchdog.state,
            previous=self._record.previous,
            speed=self._record.recent_speed(now.ros_ns),
            collision_checker=self._collision_checker,
        )
        verdict = check_command(command, context)
        if verdict is not None:
            self._refuse(verdict, now)
            return False
        ordered = command_in_order(command, self._limits.names)
        self._record.note_passed(ordered)
        self._unresponsive.passed(ordered, now)
        self._watchdog.passed(command, now)
        return True

    def tick(self, now: Instant) -> None:
        """Let time pass; call it at least once per command period."""
        self._watch_time(now)
        if self.mode is Mode.ARMED and self._armed_at is not None:
            verdict = (
                self._devices.check_estops()
                or self._devices.check_enabling_device(now)
                or self._second_publishers.check()
            )
            verdict = verdict or self._watchdog.check_armed(now, self._armed_at)
            if verdict is not None:
                self._stop(verdict, now)
        if self.mode is Mode.STOPPING:
            is_measured = self._watchdog.check_state(now) is None
            self._machine.observe(self._standstill.holds(now), is_measured, now)

    # What an operator asks for.

    def arm(self, now: Instant) -> Reply:
        """Let commands pass, unless conditions block it; the reply lists them all."""
        before = self.mode
        reply = self._machine.arm(self.obstacles(now), now)
        if before is not Mode.ARMED and self.mode is Mode.ARMED:
            self._armed_at = self._ran_at = now
            self._record = CommandRecord()
            for watch in (self._frozen_state, self._tracking, self._unresponsive, self._velocities):
                watch.forget()
            self._watchdog.forget_commands()
            if self._watchdog.dry_run:
                return Reply(True, f"armed; {DRY_RUN}")
        return reply

    def stop(self, text: str, now: Instant) -> Reply:
        """Stop; always possible."""
        return self._machine.stop(Verdict(Cause.OPERATOR_STOP, text), now)

    def reset(self, now: Instant) -> Reply:
        """Clear a stop; the robot stays disarmed."""
        self.tick(now)
        obstacles = self._unsafe(now)
        if self._machine.latched is not None and (
            wrong := self._watchdog.still_wrong(self._machine.latched.cause, now)
        ):
            obstacles.append(wrong)
        return self._machine.reset(obstacles, now)

    def obstacles(self, now: Instant) -> list[str]:
        """Return the conditions that block arming, one sentence each."""
        obstacles = self._unsafe(now)
        if self._watchdog.check_state(now) is None and (unreceived := self._watchdog.check_bridge_receives(now)):
            obstacles.append(unreceived.text)
        if second := self._watchdog.check_second_publishers():
            obstacles.append(second.text)
        if enabling_device := self._devices.check_enabling_device(now):
            obstacles.append(enabling_device.text)
        return obstacles + state_checks.outside(self._watchdog.state, self._limits, self._collision_checker)

    # How it works.

    def _refuse(self, verdict: Verdict, now: Instant) -> None:
        self._record.note_refused(verdict)
        if self._record.refused_in_a_row >= self._settings.max_refused_in_a_row:
            self._stop(verdict, now)

    def _stop(self, verdict: Verdict, now: Instant) -> None:
        """Stop, with the cause of what was found where that is known."""
        if verdict.cause in CONSEQUENCES:
            verdict = self._watchdog.check_bridge_forwards() or verdict
            if self._watchdog.dry_run:
                verdict = replace(verdict, text=f"{verdict.text}; {DRY_RUN}")
        elif verdict.cause in LATENESSES and self._load:
            verdict = replace(verdict, text=f"{verdict.text}; {self._load}")
        self._machine.stop(verdict, now)

    def _watch_time(self, now: Instant) -> None:
        self._watch_own_time(now)
        self._watch_clock(now)

    def _watch_own_time(self, now: Instant) -> None:
        """A process that did not run has checked nothing meanwhile, and finds everybody else late."""
        ran_at, self._ran_at = self._ran_at, now
        limit_s = OWN_SHARE * self._settings.state_timeout_s
        if self.mode is not Mode.ARMED or ran_at is None or now.since_s(ran_at) <= limit_s:
            return
        idle_s = now.since_s(ran_at)
        text = f"safety did not run for {idle_s:.2f} s, at most {limit_s:.2f} s is allowed: reduce this computer's load"
        self._stop(Verdict(Cause.OVERLOADED, text, value=idle_s, limit=limit_s), now)

    def _watch_clock(self, now: Instant) -> None:
        """After a jump nothing that was stamped before it can be compared with what comes."""
        jump = self._clock.check(now)
        if jump is None:
            return
        self._watchdog.forget_state()
        self._standstill.forget()
        if self.mode is Mode.ARMED:
            self._machine.stop(jump, now)

    def _unsafe(self, now: Instant) -> list[str]:
        """Return the conditions that block arming and reset alike."""
        obstacles = self._devices.releases(now)
        if second := self._second_publishers.check():
            obstacles.append(second.text)
        unmeasured = self._watchdog.check_state(now)
        if unmeasured is not None:
            return [*obstacles, unmeasured.text]
        state, limits = self._watchdog.state, self._limits
        if fault := state_checks.fault(state):
            obstacles.append(fault.text)
        if not self._standstill.holds(now):
            obstacles.append(state_checks.unrest(state, limits, self._still_bounds, self._settings.still_time_s))
        return obstacles

    def _not_following(self, state: RobotState, now: Instant) -> Verdict | None:
        """Say how a measurement contradicts the commands that passed."""
        frozen = self._frozen_state.check(state, self._record.in_force(now.ros_ns), now)
        recent = self._record.recent_speed(now.ros_ns)
        tracking = self._tracking.check(state, self._record.in_force(state.stamp_ns), recent, now)
        velocities = self._velocities.check(state.stamp_ns, state.positions, state.velocities)
        return frozen or tracking or velocities or self._unresponsive.check(state, now)
