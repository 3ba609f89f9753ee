# SPDX-License-Identifier: Apache-2.0
"""What a wrong policy publishes."""

from __future__ import annotations

from molmoact2_ros.safety.settings import Settings

from ..fault import NONE, Action, Allowance, Fault, Means
from .allowances import CHUNK_WAIT_S, LAG_S, WAY_S

JUMPED = ("acceleration limit", "velocity limit")
DROPPED = ("wrong shape", "stale observation")  # chunks that come and cannot be followed: no silence


def chunks(settings: Settings) -> list[Fault]:
    """List the ways to corrupt chunks."""
    refused = settings.max_refused_in_a_row
    next_chunk = Allowance(CHUNK_WAIT_S, f"until the next chunk, and {refused} refusals")
    old = Allowance(settings.observation_age_max_s, "age of the last good chunk's observation")
    lag = Allowance(LAG_S, "until stamps lag by the greatest age allowed")
    way = Allowance(WAY_S, "the smooth way there")

    def fault(name: str, does: str, kind: str, expected: tuple[str, ...], *notice: Allowance) -> Fault:
        return Fault(name, does, Action(Means.CHUNKS, kind), expected, notice)

    return [
        fault("policy_slow", "the policy answers 3 s late", "slow", ("policy silent",), old),
        fault("policy_silent", "the policy runs and publishes nothing", "silent", ("policy silent",), old),
        fault("policy_nan", "the policy emits NaN", "nan", ("not finite",), next_chunk),
        fault("policy_wrong_width", "the policy emits one joint too few", "wrong_width", ("wrong shape",), next_chunk),
        fault("policy_jump", "the policy emits chunks that are 1 rad off", "jump", JUMPED, next_chunk),
        fault(
            "policy_old_stamps",
            "the policy emits chunks of ever older observations",
            "old_stamps",
            ("stale observation",),
            lag,
        ),
        fault(
            "policy_out_of_range", "the policy leads a joint out of its range", "out_of_range", ("position limit",), way
        ),
        fault("policy_in_collision", "the policy leads the arm into itself", "in_collision", ("collision",), way),
        fault("chunk_two_rows", "every chunk has two rows", "two_rows", DROPPED, old, next_chunk),
        fault("chunk_tiny_step", "every chunk has rows 1 us apart", "tiny_step", DROPPED, old, next_chunk),
        fault("chunk_future", "every chunk is stamped 0.9 s ahead", "future", DROPPED, old, next_chunk),
        fault("chunk_same_stamp", "every chunk has the same stamp", "same_stamp", DROPPED, old, next_chunk),
        fault("chunk_long", "every chunk has 500 rows", "long", ("wrong shape",), next_chunk),
        fault("chunk_long_2000", "one chunk has 2,000 rows", "one_long", ("wrong shape", NONE), next_chunk),
        fault("chunk_long_10000", "one chunk has 10,000 rows", "one_very_long", ("wrong shape", NONE), next_chunk),
    ]
