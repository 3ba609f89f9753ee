# SPDX-License-Identifier: Apache-2.0
"""Clocks and rates: instants, stamps, clock jumps, rate limits. Every time is handed in by the caller."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Instant:
    """`ros_ns` is compared with stamps; `steady_ns` measures silence, whatever happens to the wall clock."""

    ros_ns: int
    steady_ns: int

    def since_s(self, earlier: Instant) -> float:
        """Return the steady seconds since an earlier instant."""
        return (self.steady_ns - earlier.steady_ns) / NS_PER_S

    def age_s(self, stamp_ns: int) -> float:
        """Return the ROS seconds since a stamp; negative when the stamp lies in the future."""
        return (self.ros_ns - stamp_ns) / NS_PER_S


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


SET_BACK_NS = 50_000_000  # a simulated clock that is received out of order goes back by less; half a jump for safety


class SetBackDetector:
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


class RateLimiter:
    """Allow at most `rate_hz` in the mean; single intervals may be half a period short: jitter costs nothing then."""

    def __init__(self, rate_hz: float) -> None:
        self._period_ns = int(1e9 / rate_hz)
        self._tolerance_ns = self._period_ns // 4
        self._due_ns = 0

    def allows(self, steady_ns: int) -> bool:
        """Return whether it is time again, and if so count it."""
        if steady_ns < self._due_ns - self._tolerance_ns:
            return False
        if steady_ns > self._due_ns + self._tolerance_ns:
            self._due_ns = steady_ns  # late: start again, never catch up
        self._due_ns += self._period_ns
        return True


# A camera at exactly the rate jitters by milliseconds; without tolerance each early frame would cost a whole period.
_EARLY = 0.15


class StampRateLimiter:
    """Let stamps pass on a schedule of `rate_hz`: never more than that in the mean, single intervals may be shorter."""

    def __init__(self, rate_hz: float) -> None:
        self._period_ns = int(1e9 / rate_hz)
        self._due_ns = 0

    def passes(self, stamp_ns: int) -> bool:
        """Return whether a stamp is due, and if so move on to the next due time."""
        early_ns = self._due_ns - stamp_ns
        if not -self._period_ns < early_ns <= 2 * self._period_ns:
            self._due_ns = stamp_ns  # the first stamp, one after a gap, or time that ran backwards
        elif early_ns > _EARLY * self._period_ns:
            return False
        self._due_ns += self._period_ns
        return True


class VariableRateLimiter:
    """A period that may change while it runs; moments that were missed are skipped, not made up for."""

    def __init__(self, phase_s: float = 0.0) -> None:
        """Begin `phase_s` after the first question."""
        self._phase_ns = round(phase_s * NS_PER_S)
        self._next_ns: int | None = None

    def due(self, now_ns: int, rate_hz: float) -> bool:
        """Return whether a moment has come since the last one."""
        period_ns = round(NS_PER_S / rate_hz)
        if self._next_ns is None:
            self._next_ns = now_ns + self._phase_ns
        if now_ns < self._next_ns:
            return False
        self._next_ns = max(self._next_ns + period_ns, now_ns + period_ns // 2)
        return True

    def shift(self, ns: int) -> None:
        """Follow a clock that was set forward or back."""
        if self._next_ns is not None:
            self._next_ns += ns


S_PER_NS = 1e-9
