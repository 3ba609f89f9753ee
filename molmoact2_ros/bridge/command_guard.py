# SPDX-License-Identifier: Apache-2.0
"""The last, minimal guard before the controllers. It checks the chain of command; safety checks the motion.

One rule decides: commands pass between the moment at which safety is seen to *become* armed and the first thing that is
wrong. Afterwards nothing passes until safety is seen not armed and then armed again, so motion never resumes by itself,
neither when a silent safety speaks again nor when the bridge was restarted under an armed one.

Motion is looked at for one thing that safety cannot know: whether a command continues what was forwarded before. After
commands were lost on the way, or this process hung, the robot brakes already, and the next one would make it jump.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.bridge_state import Hold, HoldCause
from molmoact2_ros.interfaces.joint_command import MOST_POINTS, JointCommand, sample
from molmoact2_ros.schema import listed

# A hold is shown at least this long after its cause was last seen, so that a flood of refusals reads as one hold.
_SHOWN_NS = 500_000_000
# joint_trajectory_controller refuses a last point that moves, by single precision.
_REST = 1e-7
AGAIN = "stop, reset and arm safety to move again"
# Callbacks come a hundred times a second. A process that did not run for so long has let the robot begin to brake, and
# finds everything late that waited for it.
_LATE_NS = 100_000_000
_LATE_SHOWN_NS = 500_000_000  # how long this explains what is found afterwards
_CATCHING_UP_NS = 50_000_000  # in which what waited in the queues is received


class CommandGuard:
    """Let checked commands through while safety supervises them. `hold` says why none passes, None otherwise."""

    def __init__(
        self,
        joint_names: tuple[str, ...],
        *,
        safety_timeout_s: float,
        max_age_s: float,
        max_lead_s: float,
        max_position_step: NDArray[np.float64],
        max_velocity_step: NDArray[np.float64],
    ) -> None:
        """Let nothing through yet.

        Args:
            joint_names: every command must name each of them once.
            safety_timeout_s: longest silence of safety.
            max_age_s: how far a command's start may lie in the past. Not above the time of its motion points by much:
                later than that the robot has begun to brake, and the command no longer continues its motion.
            max_lead_s: how far it may lie in the future.
            max_position_step: [joints] how far a command may lie from the one before it when it takes over.
            max_velocity_step: [joints] the same for velocities.
        """
        self._names = joint_names
        self._safety_timeout_s = safety_timeout_s
        self._max_age_s = max_age_s
        self._max_lead_s = max_lead_s
        self._max_steps = (max_position_step, max_velocity_step)
        self.hold: Hold | None = None
        self._held_ns = 0  # when the cause of the hold was last seen
        self._received_ns: int | None = None
        self._ran_ns: int | None = None
        self._late_ns, self._late_s = 0, 0.0  # when this process ran again after a gap, and how long that was
        self._permit = False
        self._may_arm = False
        self._last_sequence = 0
        self._playing: JointCommand | None = None  # the last one since arming, its columns in our order

    @property
    def permits(self) -> bool:
        """Return whether a good command would pass."""
        return self._permit

    def on_safety(self, *, armed: bool, steady_ns: int) -> None:
        """Take a safety_state at a time of the steady clock."""
        self._received_ns = steady_ns
        if not armed:
            self._permit, self._may_arm = False, True
            if steady_ns - self._held_ns > _SHOWN_NS:
                self.hold = None
        elif self._may_arm:
            self._permit, self._may_arm = True, False
            self.hold = None
            self._last_sequence, self._playing = 0, None

    def runs(self, steady_ns: int) -> None:
        """Note that this process runs; call it in every callback, before anything else.

        The time in which it did not is not counted as silence of safety. If that was longer than safety may be silent,
        nothing passes any more.
        """
        gap_ns = 0 if self._ran_ns is None else steady_ns - self._ran_ns
        self._ran_ns = steady_ns
        if gap_ns <= _LATE_NS:
            return
        self._late_ns, self._late_s = steady_ns, gap_ns / 1e9
        if self._received_ns is not None:
            self._received_ns = min(self._received_ns + gap_ns, steady_ns)  # never later than now
        if self._permit and self._late_s > self._safety_timeout_s:
            self.withdraw(HoldCause.COMMAND_OLD, AGAIN, steady_ns)

    def catching_up(self, steady_ns: int) -> bool:
        """Return whether this process has just run again after a gap: newer messages may wait behind what looks old."""
        return self._late_s > 0.0 and steady_ns - self._late_ns < _CATCHING_UP_NS

    def watch_safety(self, steady_ns: int) -> None:
        """Withdraw the permit when safety has been silent for too long."""
        if self._received_ns is None:
            self.withdraw(HoldCause.SAFETY_SILENT, "no safety_state has come; start safety", steady_ns)
            return
        silent_s = (steady_ns - self._received_ns) / 1e9
        if silent_s > self._safety_timeout_s:
            text = f"safety has been silent for {silent_s:.2f} s, time-out {self._safety_timeout_s:.2f} s; {AGAIN}"
            self.withdraw(HoldCause.SAFETY_SILENT, text, steady_ns)

    def withdraw(self, cause: HoldCause, text: str, steady_ns: int) -> None:
        """Let nothing through until safety is armed again; the first cause is kept."""
        self._permit = self._may_arm = False
        if cause is HoldCause.COMMAND_OLD and self._late_s and steady_ns - self._late_ns < _LATE_SHOWN_NS:
            cause = HoldCause.OVERLOADED
            text = f"the bridge did not run for {self._late_s:.2f} s, reduce the load on this computer: {text}"
        self._hold(cause, text, steady_ns)

    def admit(self, command: JointCommand, now_ns: int, steady_ns: int) -> JointCommand | None:
        """Return the command with its columns in the order of the joint names, or None.

        Args:
            command: from safety.
            now_ns: ROS time.
            steady_ns: steady time.
        """
        self.watch_safety(steady_ns)
        if not self._permit:
            self._hold(
                HoldCause.SAFETY_NOT_ARMED, f"a command came while safety was not seen to arm; {AGAIN}", steady_ns
            )
            return None
        if problem := self._invalid(command):
            self.withdraw(HoldCause.COMMAND_INVALID, f"command {command.sequence}: {problem}; {AGAIN}", steady_ns)
            return None
        if problem := self._untimely(command, now_ns):
            self.withdraw(HoldCause.COMMAND_OLD, f"command {command.sequence}: {problem}; {AGAIN}", steady_ns)
            return None
        command = self._in_our_order(command)
        if problem := self._discontinuous(command, now_ns):
            self.withdraw(HoldCause.COMMAND_OLD, f"command {command.sequence}: {problem}; {AGAIN}", steady_ns)
            return None
        self._last_sequence, self._playing = command.sequence, command
        return command

    def _hold(self, cause: HoldCause, text: str, steady_ns: int) -> None:
        self._held_ns = steady_ns
        self.hold = self.hold or Hold(cause, text)

    def _invalid(self, command: JointCommand) -> str:
        if len(command.names) != len(self._names) or sorted(command.names) != sorted(self._names):
            return f"expected the joints {', '.join(self._names)} once each, got {listed(command.names)}"
        shape = (command.positions.shape, command.velocities.shape)
        if command.positions.ndim != 2 or not 2 <= shape[0][0] <= MOST_POINTS or shape[0] != shape[1]:
            points = f"2 to {MOST_POINTS} points x {len(self._names)} joints"
            return f"expected positions and velocities of {points}, got {shape}"
        return self._unplayable(command)

    def _unplayable(self, command: JointCommand) -> str:
        """Say what a controller could not play, the shape being right."""
        if not (np.isfinite(command.positions).all() and np.isfinite(command.velocities).all()):
            return "expected finite numbers"
        if not (np.isfinite(command.step_s) and command.step_s > 0):
            return f"expected a step above 0 s, got {command.step_s}"
        if not 1 <= command.motion_points <= len(command.positions):
            return f"expected 1 to {len(command.positions)} motion points, got {command.motion_points}"
        if np.abs(command.velocities[-1]).max() > _REST:
            return "expected a trajectory that ends at rest"
        if command.sequence <= self._last_sequence:
            return f"expected a sequence above {self._last_sequence}"
        return ""

    def _untimely(self, command: JointCommand, now_ns: int) -> str:
        age_s = (now_ns - command.start_ns) / 1e9
        if age_s > self._max_age_s:
            return f"its start is {age_s:.3f} s past, at most {self._max_age_s:.3f} s expected"
        if age_s < -self._max_lead_s:
            return f"its start is {-age_s:.3f} s ahead, at most {self._max_lead_s:.3f} s expected"
        return ""

    def _in_our_order(self, command: JointCommand) -> JointCommand:
        columns = [command.names.index(name) for name in self._names]
        positions, velocities = command.positions[:, columns], command.velocities[:, columns]
        return replace(command, names=self._names, positions=positions, velocities=velocities)

    def _discontinuous(self, command: JointCommand, now_ns: int) -> str:
        """Say where a command parts from what the controllers play when it takes over: now, or once it starts."""
        playing, time_ns = self._playing, max(now_ns, command.start_ns)
        if playing is None:
            return ""
        pairs = zip(sample(command, time_ns), sample(playing, time_ns), self._max_steps, strict=True)
        excess = np.max([np.abs(new - old) / allowed for new, old, allowed in pairs], axis=0)
        joint = int(np.argmax(excess))
        if excess[joint] <= 1.0:
            return ""
        gap_s = (command.start_ns - playing.start_ns) / 1e9
        return (
            f"{self._names[joint]} would jump: the last command forwarded is command {playing.sequence}, {gap_s:.2f} s "
            "before it, and those between were lost or late; look at the computer's load"
        )
