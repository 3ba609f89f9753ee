# SPDX-License-Identifier: Apache-2.0
"""The right to move: four modes, one latch, and the few ways from one mode to the next.

    DISARMED --arm--> ARMED --stop--> STOPPING --still--> STOPPED --reset--> DISARMED
        `------------------stop-------^

The caller lists the blocking conditions (`obstacles`); this file knows the rules alone. The first stop is latched with
its evidence, later ones change nothing. Nothing leaves STOPPED but a reset, and nothing becomes ARMED but by `arm`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from molmoact2_ros.interfaces.safety_state import Mode, Verdict
from molmoact2_ros.timing import Instant

FIRST_TEXT = (
    "disarmed: this process has just started and knows of no stop before it; look at the robot, then call ~/arm"
)


@dataclass(frozen=True)
class Reply:
    """What an operator gets: whether it was done, and a sentence."""

    done: bool
    text: str


class StateMachine:
    """The mode, the latched stop and the rules between. Starts disarmed."""

    def __init__(self, stop_time_max_s: float, reset_cooldown_s: float) -> None:
        """Take how long a stop may last before it is reported as overdue, and how long STOPPED lasts at least."""
        self._stop_time_max_s = stop_time_max_s
        self._reset_cooldown_s = reset_cooldown_s
        self._since: Instant | None = None  # of the present mode; None: since the process started
        self._mode = Mode.DISARMED
        self._text = FIRST_TEXT
        self._note = ""
        self._latched: Verdict | None = None
        self._overdue = False

    @property
    def mode(self) -> Mode:
        """The present mode."""
        return self._mode

    @property
    def latched(self) -> Verdict | None:
        """The stop that a reset has not cleared yet."""
        return self._latched

    @property
    def text(self) -> str:
        """One sentence for the operator."""
        return f"{self._text}; {self._note}" if self._note else self._text

    @property
    def overdue(self) -> bool:
        """Return whether a stop has lasted too long without a measured standstill."""
        return self._overdue

    def arm(self, obstacles: Sequence[str], now: Instant) -> Reply:
        """Let commands pass from now on, unless conditions block it."""
        if self._mode is Mode.ARMED:
            return Reply(True, "already armed")
        if self._mode is not Mode.DISARMED:
            return Reply(False, f"not armed: {self._mode.name.lower()} ({self._text}); call ~/reset first")
        if obstacles:
            return Reply(False, f"not armed: {'; '.join(obstacles)}")
        self._enter(Mode.ARMED, "armed", now)
        return Reply(True, "armed")

    def stop(self, verdict: Verdict, now: Instant) -> Reply:
        """Take the right to move away; possible in every mode, and the first cause is kept."""
        if self._latched is not None:
            return Reply(True, f"{self._mode.name.lower()} already: {self._text}")
        self._latched = verdict
        self._enter(Mode.STOPPING, verdict.text, now)
        return Reply(True, f"stopping: {verdict.text}")

    def observe(self, standstill: bool, measured: bool, now: Instant) -> None:
        """While stopping: note whether the robot is measured at all, and whether it stands still."""
        if self._mode is not Mode.STOPPING or self._latched is None or self._since is None:
            return
        if measured and standstill:
            self._enter(Mode.STOPPED, self._latched.text, now)
            return
        self._overdue = now.since_s(self._since) > self._stop_time_max_s
        if not measured:
            self._text = f"{self._latched.text}; whether the robot stands still cannot be measured without robot_state"
        elif self._overdue:
            self._text = f"{self._latched.text}; the robot still moves {self._stop_time_max_s} s after the stop"
        if self._overdue:
            self._text += ": press its emergency stop"

    def note(self, text: str) -> None:
        """Add to the sentence what else was tried, until the mode changes."""
        if self._mode is Mode.STOPPING:
            self._note = text

    def note_once(self, text: str) -> None:
        """Add the same, unless something was added already."""
        if not self._note:
            self.note(text)

    def reset(self, obstacles: Sequence[str], now: Instant) -> Reply:
        """Clear the latch and disarm, unless conditions block it."""
        if self._mode is Mode.STOPPING:
            return Reply(False, f"not reset: the robot has not been measured to stand still ({self._text})")
        if self._latched is None or self._since is None:
            return Reply(False, f"not reset: {self._mode.name.lower()}, there is no stop to clear")
        left_s = self._reset_cooldown_s - now.since_s(self._since)
        waiting = [f"stopped only now, wait {left_s:.1f} s"] if left_s > 0 else []
        if reasons := [*obstacles, *waiting]:
            return Reply(False, f"not reset: {'; '.join(reasons)}")
        text = f"disarmed by a reset; the stop before it: {self._latched.text}"
        self._latched = None
        self._enter(Mode.DISARMED, text, now)
        return Reply(True, text)

    def _enter(self, mode: Mode, text: str, now: Instant) -> None:
        self._mode, self._text, self._since = mode, text, now
        self._note, self._overdue = "", False
