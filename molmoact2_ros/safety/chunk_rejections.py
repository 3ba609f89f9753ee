# SPDX-License-Identifier: Apache-2.0
"""What the interpolator says of chunks that it does not follow, as safety words it."""

from __future__ import annotations

from dataclasses import dataclass, field

from molmoact2_ros.interfaces.action_chunk import ChunkRejection, RejectionCause
from molmoact2_ros.interfaces.safety_state import Cause, Verdict
from molmoact2_ros.schema import quoted
from molmoact2_ros.timing import Instant

# Chunks of observations from before arming are rejected too: no more than one that waits and one under way.
LEAST_REJECTED = 3

_CAUSES = {int(cause): Cause(cause) for cause in RejectionCause if cause is not RejectionCause.NONE}


def rejection_verdict(rejection: ChunkRejection) -> Verdict:
    """Return the newest rejection as a verdict; a number that is no cause of a chunk counts as a wrong shape."""
    return Verdict(_CAUSES.get(rejection.cause, Cause.WRONG_SHAPE), quoted(rejection.text) or "no reason is given")


@dataclass
class ChunkRejections:
    """The chunks that came since one was followed last: `newest`, and when the first and the newest of them came."""

    newest: ChunkRejection = field(default_factory=ChunkRejection)
    since: Instant | None = None
    at: Instant | None = None

    def note(self, rejection: ChunkRejection, now: Instant) -> None:
        """Take what a command says."""
        if not rejection.count:
            self.newest, self.since, self.at = rejection, None, None
        elif rejection != self.newest:
            self.newest, self.since, self.at = rejection, self.since or now, now

    def instead_of(self, sequence: int) -> Verdict | None:
        """Say why none was followed after chunk `sequence`, 0 for none at all; None when none was rejected."""
        if not self.newest.count:
            return None
        verdict = rejection_verdict(self.newest)
        after = f"no chunk after {sequence}" if sequence else "no chunk"
        return Verdict(verdict.cause, f"{after} is followed, {self.newest.count} were rejected: {verdict.text}")

    def lasting(self, limit_s: float) -> Verdict | None:
        """Say why none has been followed at all, once that is no matter of the first chunks after arming."""
        if self.at is None or self.since is None or self.newest.count < LEAST_REJECTED:
            return None
        return self.instead_of(0) if self.at.since_s(self.since) > limit_s else None
