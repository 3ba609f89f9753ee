# SPDX-License-Identifier: Apache-2.0
"""Whether ROS time was set back: what was stamped before then lies in a future that was not meant."""

from __future__ import annotations

SET_BACK_NS = 50_000_000  # a simulated clock that is heard out of order goes back by less; half a jump for safety


class ClockBack:
    """ROS time against the steady clock, from one look to the next.

    Jumps forward are left to safety: they only end motion early.
    """

    def __init__(self) -> None:
        """Know of no time yet."""
        self._latest: tuple[int, int] | None = None  # ROS time, steady time

    def jump_ns(self, now_ns: int, steady_ns: int) -> int:
        """Return by how much ROS time was set since the last look: below 0, or 0 when it was not set back."""
        latest, self._latest = self._latest, (now_ns, steady_ns)
        if latest is None or now_ns >= latest[0] - SET_BACK_NS:
            return 0
        return (now_ns - latest[0]) - (steady_ns - latest[1])
