# SPDX-License-Identifier: Apache-2.0
"""Judge whether the nodes that commands pass through may run before everything else."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from molmoact2_ros.nodes.realtime import DEFAULT_PRIORITY, REMEDY

from .check import Check, ok, warning

NAME = "real-time priority"


def check_priority(allowed: bool) -> Check:
    """Judge whether this user may take real-time priority."""
    if allowed:
        return ok(NAME, "this user may take it")
    return warning(NAME, "this user may not take it", "bridge, safety and interpolator before all else", REMEDY)


def may_take_priority() -> bool:
    """Say whether this user may: tried in a thread that ends with the question."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_may_here).result()


def _may_here() -> bool:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(DEFAULT_PRIORITY))
    except (AttributeError, OSError):
        return False
    return True
