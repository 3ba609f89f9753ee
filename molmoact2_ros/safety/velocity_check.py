# SPDX-License-Identifier: Apache-2.0
"""Whether the velocities that drivers report are those of the positions that they report.

Velocities in degrees, of the wrong sign, or always zero make no check fail by themselves, but allowances of other
checks grow with speed, and a standstill is proven by it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.safety_state import Cause, Verdict
from molmoact2_ros.timing import NS_PER_S

from .limits import Limits

Vector = NDArray[np.float64]

BLOCK_S = 0.1  # over less, one step of a 12-bit encoder (1.5 mrad) is a large part of the change
WINDOW_S = 1.0  # judged after so long at the earliest
LONGEST_S = 2.0  # and given up after so long: noise adds up in slower motion
RANGE_RAD = 0.1  # an arm joint that covered less in that time is not judged
RATIO_LOW, RATIO_HIGH = 0.5, 2.0  # a filter delays and damps velocities, by less than this
REMEDY = "correct the unit of the driver profile, or set `velocity: differences` there"


class VelocityCheck:
    """Compare the integral of reported velocities with the change of positions, block by block.

    The ratio is the least-squares slope through the blocks of a window. Grippers are left out: their drivers often
    report a velocity that is not calibrated, and no allowance of theirs grows with it.
    """

    def __init__(self, limits: Limits) -> None:
        """Take the joints."""
        self._limits = limits
        self._block_ns = 0
        self._block_positions = self._integral = np.zeros(len(limits.names))
        self.forget()

    def forget(self) -> None:
        """Begin at the next measurement."""
        self._latest: tuple[int, Vector] | None = None  # stamp and velocities of the newest measurement
        self._begin_window()

    def check(self, stamp_ns: int, positions: Vector, velocities: Vector) -> Verdict | None:
        """Take a measurement [joints], in joint order; return a verdict at the end of a window, else None."""
        latest, self._latest = self._latest, (stamp_ns, velocities)
        if latest is None or not 0 <= stamp_ns - latest[0] <= BLOCK_S * NS_PER_S:
            # The first one, or time was set back, or measurements are missing between.
            self._begin_window()
            self._begin_block(stamp_ns, positions)
            return None
        self._integral = self._integral + 0.5 * (stamp_ns - latest[0]) / NS_PER_S * (velocities + latest[1])
        if stamp_ns - self._block_ns >= BLOCK_S * NS_PER_S:
            self._end_block(stamp_ns, positions)
            self._begin_block(stamp_ns, positions)
        return self._judge() if self._window_s >= WINDOW_S else None

    def _begin_window(self) -> None:
        zero = np.zeros(len(self._limits.names))
        self._window_s, self._products, self._squares = 0.0, zero, zero
        self._low, self._high = zero + np.inf, zero - np.inf

    def _begin_block(self, stamp_ns: int, positions: Vector) -> None:
        self._block_ns, self._block_positions = stamp_ns, positions
        self._integral = np.zeros_like(positions)

    def _end_block(self, stamp_ns: int, positions: Vector) -> None:
        change = positions - self._block_positions
        self._products = self._products + self._integral * change
        self._squares = self._squares + change**2
        self._low, self._high = np.minimum(self._low, positions), np.maximum(self._high, positions)
        self._window_s += (stamp_ns - self._block_ns) / NS_PER_S

    def _judge(self) -> Verdict | None:
        judged = ~self._limits.is_gripper & (self._high - self._low >= RANGE_RAD)
        if not judged.any() and self._window_s < LONGEST_S:
            return None
        ratios = np.divide(self._products, self._squares, out=np.ones_like(self._products), where=judged)
        self._begin_window()
        # Farthest from 1 on a logarithmic scale; what is not positive is farther than anything.
        distance = np.abs(np.log(np.maximum(ratios, 1e-6)))
        joint = int(np.argmax(distance))
        if RATIO_LOW <= ratios[joint] <= RATIO_HIGH:
            return None
        name, ratio = self._limits.names[joint], float(ratios[joint])
        text = (
            f"the velocity reported for {name} is {ratio:.3g} times the change of its position in time, expected "
            f"{RATIO_LOW} to {RATIO_HIGH}: {REMEDY}"
        )
        limit = RATIO_LOW if ratio < RATIO_LOW else RATIO_HIGH
        return Verdict(Cause.VELOCITY_MISMATCH, text, name, value=ratio, limit=limit)
