# SPDX-License-Identifier: Apache-2.0
"""Which stamp of an input may count as its newest one, and what a stamp that cannot be used says of its clock.

The newest stamp is the reference for all that follows: one from the future would make every good message after it look
old. So a stamp is looked at before it is taken; only several strange ones in a row are a clock that is wrong.
"""

from __future__ import annotations

from enum import Enum, auto

# Stamps may run ahead of this node's clock by the resolution of a simulated clock, not by a clock that is not set.
AHEAD_NS = 50_000_000
# A stamp this much older than the newest one means that time began again (a simulator reset, a bag that loops).
RESTART_NS = 1_000_000_000
SEVERAL = 3  # strange stamps in a row: more than an outlier
_EPOCH_NS = 1_000_000_000 * 1_000_000_000  # 2001: a stamp below counts from the start of something, not from 1970
SAME_SOURCE = "set the clocks of both machines by the same source (chrony or PTP)"
NO_STAMP = "expected a stamp, got 0: let the driver stamp its messages, their age is not known without"


class Step(Enum):
    """Where a stamp stands to the newest one before."""

    NEWER = auto()
    EQUAL = auto()
    OLDER = auto()
    RESTART = auto()
    STRANGE = auto()


def foreign_clock(stamp_ns: int, now_ns: int) -> str:
    """Say that a stamp was taken from a clock of another kind than `now_ns` (ROS time), and what to do; else empty."""
    if stamp_ns == 0:
        return NO_STAMP
    if stamp_ns < _EPOCH_NS <= now_ns:
        return (
            f"stamped by another clock ({stamp_ns / 1e9:.1f} s since some start): the camera's own time, or "
            "use_sim_time; let the driver stamp in ROS time (for realsense2_camera turn on global time)"
        )
    if now_ns < _EPOCH_NS <= stamp_ns:
        return (
            "stamped by the computer's clock, while this node uses simulated time: set use_sim_time for both, or none"
        )
    return ""


class NewestStamp:
    """The newest stamp of one input. `ignored` counts strange stamps: from the future, or from a foreign clock."""

    def __init__(self) -> None:
        self.ns: int | None = None
        self.ignored = 0
        self._void = False  # the newest one turned out to be strange: whatever comes is newer
        self._strange = self._old = 0  # in a row
        self._last_ns = 0

    def take(self, stamp_ns: int, now_ns: int | None = None) -> Step:
        """Look at the stamp of an arrival, and keep it if it is the newest one.

        Args:
            stamp_ns: of the message.
            now_ns: ROS time of the arrival; None where it is not known, then every stamp is believed.
        """
        self._last_ns = stamp_ns
        if now_ns is not None and _is_strange(stamp_ns, now_ns):
            self._strange += 1
            self.ignored += 1
            return Step.STRANGE
        self._strange = 0
        step = self._step(stamp_ns, now_ns)
        self._old = self._old + 1 if step is Step.OLDER else 0
        if step in (Step.NEWER, Step.RESTART):
            self.ns, self._void = stamp_ns, False
        return step

    def problem(self, now_ns: int) -> str:
        """Say why the input's clock cannot be used at a ROS time; empty while it can, or a few stamps only strayed."""
        several = self._strange >= SEVERAL or (self._strange and self.ns is None)
        if several and _is_strange(self._last_ns, now_ns):
            return foreign_clock(self._last_ns, now_ns) or _ahead(self._last_ns - now_ns)
        if self.ns is not None and _is_strange(self.ns, now_ns):
            self._void = True
            return foreign_clock(self.ns, now_ns) or _ahead(self.ns - now_ns)
        return ""

    def _step(self, stamp_ns: int, now_ns: int | None) -> Step:
        if self.ns is None:
            return Step.NEWER
        if self._void or (now_ns is not None and _is_strange(self.ns, now_ns)):
            return Step.RESTART  # ROS time was set back since
        if stamp_ns >= self.ns:
            return Step.NEWER if stamp_ns > self.ns else Step.EQUAL
        far = stamp_ns < self.ns - RESTART_NS
        # While this node's time is known and went on, one old stamp is an outlier, several are a restart.
        return Step.RESTART if far and (now_ns is None or self._old + 1 >= SEVERAL) else Step.OLDER


def _is_strange(stamp_ns: int, now_ns: int) -> bool:
    return stamp_ns > now_ns + AHEAD_NS or bool(foreign_clock(stamp_ns, now_ns))


def _ahead(ns: int) -> str:
    return f"its stamp lies {ns / 1e9:.2f} s in the future; {SAME_SOURCE}"
