# SPDX-License-Identifier: Apache-2.0
"""Why chunks are not followed: travels with every command, so that safety can name what would look like silence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class RejectionCause(IntEnum):
    """The causes of msg/SafetyState.msg that a chunk by itself can have, under its numbers."""

    NONE = 0
    WRONG_JOINTS = 10
    WRONG_SHAPE = 11
    NOT_FINITE = 12
    STALE_OBSERVATION = 32


@dataclass(frozen=True)
class ChunkRejection:
    """The newest of `count` chunks that came since one was followed last, and that were not: one sentence says why.

    `cause` is one of RejectionCause when it comes from our own interpolator; from a message it may be any number.
    """

    count: int = 0
    cause: int = RejectionCause.NONE
    text: str = ""
