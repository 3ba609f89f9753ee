# SPDX-License-Identifier: Apache-2.0
"""What a policy that is wrong would say: its chunks, changed. Plain data; no ROS."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.action_chunk import ActionChunk
from molmoact2_ros.safety import CollisionChecker, Limits
from molmoact2_ros.timing import NS_PER_S

from .detour import Detour
from .forbidden_pose import collisions, ends_of_range, nearest_collision, nearest_free

NAN = "nan"
WRONG_WIDTH = "wrong_width"
JUMP = "jump"
OUT_OF_RANGE = "out_of_range"
IN_COLLISION = "in_collision"
OLD_STAMPS = "old_stamps"
SLOW = "slow"
SILENT = "silent"
TWO_ROWS = "two_rows"
TINY_STEP = "tiny_step"
FUTURE = "future"
SAME_STAMP = "same_stamp"
ONE_LONG, ONE_VERY_LONG, LONG = "one_long", "one_very_long", "long"
KINDS = (
    NAN, WRONG_WIDTH, JUMP, OUT_OF_RANGE, IN_COLLISION, OLD_STAMPS, SLOW, SILENT, TWO_ROWS, TINY_STEP, FUTURE,
    SAME_STAMP, ONE_LONG, ONE_VERY_LONG, LONG,
)  # fmt: skip

JUMP_RAD = 1.0
# Stamps fall behind by so much a second, as those of a queue that grows too long: every chunk is newer than the one
# before it, but older than that was when it came. All at once they would be older than
# those already taken, and be ignored.
LAG_S_PER_S, MOST_LAG_S = 0.7, 2.0
SLOW_S = 3.0
TINY_STEP_S = 1e-6
FUTURE_S = 0.9
ROWS = {ONE_LONG: 2_000, ONE_VERY_LONG: 10_000, LONG: 500}
LEAD_S = 0.15  # a detour begins where motion is not yet decided on


class CorruptedChunks:
    """Change chunks from the moment a kind is chosen, until another is; without a kind they pass as they are."""

    def __init__(self, limits: Limits, collision_checker: CollisionChecker, pose: NDArray[np.float64]) -> None:
        """Take what safety knows of the robot; chunks must name the joints in its order.

        Poses in collision are searched about `pose` [joints] now, for about a second: later there is no time.
        """
        self._limits, self._collision_checker = limits, collision_checker
        self._collisions = collisions(limits, collision_checker, pose)
        self.choose("")

    def choose(self, kind: str) -> None:
        """Spoil from now on; empty: do not.

        Raises:
            ValueError: an unknown kind; the sentence lists those known.
        """
        if kind and kind not in KINDS:
            raise ValueError(f"expected one of {', '.join(KINDS)}, or nothing; got {kind!r}")
        self._kind = kind
        self._detour: Detour | None = None
        self._since_ns: int | None = None  # ROS time of the first corrupted chunk
        self._first_stamp_ns: int | None = None

    @property
    def hold_back_s(self) -> float:
        """How much later than they come chunks go on; infinite when they do not."""
        return {SLOW: SLOW_S, SILENT: np.inf}.get(self._kind, 0.0)

    def corrupt(self, chunk: ActionChunk, now_ns: int) -> ActionChunk:
        """Return what takes the place of an honest chunk that came at a ROS time."""
        is_first = self._since_ns is None
        self._since_ns, self._first_stamp_ns = self._since_ns or now_ns, self._first_stamp_ns or chunk.stamp_ns
        positions = chunk.positions.astype(np.float64)
        chunk = replace(chunk, positions=positions)
        if self._kind == NAN:
            positions[len(positions) // 2, 0] = np.nan
        elif self._kind == WRONG_WIDTH:
            positions = positions[:, :-1]
        elif self._kind == JUMP:
            positions[:, self._first_arm_joint] += self._inwards(positions) * JUMP_RAD
        elif self._kind == OLD_STAMPS:
            lag_ns = min(LAG_S_PER_S * (now_ns - self._since_ns), MOST_LAG_S * NS_PER_S)
            chunk = replace(chunk, stamp_ns=chunk.stamp_ns - round(lag_ns))
        elif self._kind == FUTURE:
            chunk = replace(chunk, stamp_ns=chunk.stamp_ns + round(FUTURE_S * NS_PER_S))
        elif self._kind == SAME_STAMP:
            chunk = replace(chunk, stamp_ns=self._first_stamp_ns)
        elif self._kind == TINY_STEP:
            chunk = replace(chunk, step_s=TINY_STEP_S)
        elif self._kind == TWO_ROWS:
            positions = positions[:2]
        elif self._kind in ROWS and (is_first or self._kind == LONG):
            positions = np.concatenate(
                [positions, np.repeat(positions[-1:], ROWS[self._kind] - len(positions), axis=0)]
            )
        elif self._kind in (OUT_OF_RANGE, IN_COLLISION):
            self._detour = self._detour or self._plan(chunk, now_ns + round(LEAD_S * NS_PER_S))
            return self._detour.follow(chunk)
        return replace(chunk, positions=positions)

    def _plan(self, chunk: ActionChunk, start_ns: int) -> Detour:
        limits, start = self._limits, chunk.positions[0]
        if self._kind == OUT_OF_RANGE:
            ends = ends_of_range(limits, start)
            return Detour.plan(chunk, start_ns, nearest_free(self._collision_checker, start, ends), limits)
        return Detour.plan(chunk, start_ns, nearest_collision(self._collision_checker, start, self._collisions), limits)

    @property
    def _first_arm_joint(self) -> int:
        return int(np.argmin(self._limits.is_gripper))

    def _inwards(self, positions: NDArray[np.float64]) -> float:
        """Return the sign of a jump that stays inside the joint's range."""
        joint = self._first_arm_joint
        return -1.0 if positions[0, joint] > (self._limits.low[joint] + self._limits.high[joint]) / 2 else 1.0
