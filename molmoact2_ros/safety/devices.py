# SPDX-License-Identifier: Apache-2.0
"""What people hold in their hands: emergency stops, and the switch that must be held while the robot may move."""

from __future__ import annotations

from molmoact2_ros.interfaces.safety_state import Cause, Estop, Verdict
from molmoact2_ros.timing import Instant

from .settings import Settings

_NAMES = {Estop.TOPIC: "the estop topic", Estop.SERVICE: "~/estop"}
_RELEASES = {
    Estop.TOPIC: "the estop topic still says true: release it",
    Estop.SERVICE: "~/estop was called with true: call it with false",
}


class Devices:
    """An e-stop is pressed until its own device releases it; an enabling device counts as held for a moment only."""

    def __init__(self, settings: Settings) -> None:
        """Take whether there must be an enabling device, and how long its word holds."""
        self._required = settings.enabling_device_required
        self._timeout_s = settings.enabling_device_timeout_s
        self._released_s = settings.reset_cooldown_s
        self.pressed = Estop.NONE
        self._pressed_at: dict[Estop, Instant] = {}  # when each said so last
        self.unreceived: list[str] = []  # a sentence for each e-stop whose messages do not arrive
        self._held: bool | None = None  # None: nothing has come
        self._received_at: Instant | None = None

    def on_estop(self, pressed: bool, device: Estop, now: Instant) -> Verdict | None:
        """Note what one e-stop says; return why motion may not go on."""
        if not pressed:
            self.pressed &= ~device
            return None
        self.pressed |= device
        self._pressed_at[device] = now
        return Verdict(Cause.ESTOP, f"{_NAMES[device]} said true")

    def on_enabling_device(self, held: bool, now: Instant) -> None:
        """Note what the enabling device says."""
        self._held, self._received_at = held, now

    def releases(self, now: Instant) -> list[str]:
        """Return how each pressed e-stop is released, and what keeps one from being received.

        One that bounces, or two devices of which one is pressed, say both in turn: a release must last.
        """
        pressed = [text for device, text in _RELEASES.items() if device in self.pressed]
        bouncing = [
            f"{_NAMES[device]} said true {now.since_s(at):.1f} s ago: it must stay released for {self._released_s} s"
            for device, at in self._pressed_at.items()
            if device not in self.pressed and now.since_s(at) < self._released_s
        ]
        return [*pressed, *bouncing, *self.unreceived]

    def check_estops(self) -> Verdict | None:
        """Say which e-stop would stop nothing, because its messages do not arrive."""
        return Verdict(Cause.ESTOP, "; ".join(self.unreceived)) if self.unreceived else None

    def check_enabling_device(self, now: Instant) -> Verdict | None:
        """Say why the device is not known to be held; None where none is required."""
        if not self._required:
            return None
        if self._held is None or self._received_at is None:
            return Verdict(
                Cause.ENABLING_DEVICE, "enabling_device has not come at all: start its device, and hold the switch"
            )
        silent_s = now.since_s(self._received_at)
        if silent_s > self._timeout_s:
            text = f"enabling_device last came {silent_s:.3f} s ago, at most {self._timeout_s} s is allowed"
            return Verdict(Cause.ENABLING_DEVICE, text, value=silent_s, limit=self._timeout_s)
        return None if self._held else Verdict(Cause.ENABLING_DEVICE, "the enabling device is not held")
