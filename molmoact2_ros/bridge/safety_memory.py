# SPDX-License-Identifier: Apache-2.0
"""What the bridge remembers of safety, so that a stop outlives the process that latched it.

Safety that dies takes its latch along, and which e-stops were pressed; the bridge, which received it, hands both to the
next safety process. That one has taken them over once it says a cause itself. The
other way round safety remembers while the bridge dies.
"""

from __future__ import annotations

NO_CAUSE = 0  # SafetyState.CAUSE_NONE
DIED_ARMED = "the safety process before this one ended while it was armed: look at the robot"


class SafetyMemory:
    """`instance_id` distinguishes one safety process from the next; 0: none has been received."""

    def __init__(self, restarted_cause: int) -> None:
        """Take the cause of a stop that was not latched, because safety ended while armed."""
        self._restarted_cause = restarted_cause
        self.instance_id = 0
        self.former_cause = NO_CAUSE
        self.former_text = ""
        self.former_pressed = 0  # SafetyState.ESTOP_* bits
        self._armed = False
        self._cause, self._text, self._pressed = NO_CAUSE, "", 0

    def on_safety(self, *, instance_id: int, armed: bool, cause: int, text: str, pressed: int = 0) -> bool:
        """Take a safety_state; return whether anything changed that safety should learn."""
        before = (self.instance_id, self.former_cause)
        if self.instance_id not in (0, instance_id):
            self._keep()
        if cause != NO_CAUSE:
            self.former_cause, self.former_text, self.former_pressed = NO_CAUSE, "", 0
        self.instance_id, self._armed, self._cause, self._text, self._pressed = instance_id, armed, cause, text, pressed
        return before != (self.instance_id, self.former_cause)

    def _keep(self) -> None:
        # One that ended before it had latched what it was handed leaves that behind.
        self.former_pressed |= self._pressed
        if self._armed:
            self.former_cause, self.former_text = self._restarted_cause, DIED_ARMED
        elif self._cause != NO_CAUSE:
            self.former_cause, self.former_text = self._cause, self._text
