# SPDX-License-Identifier: Apache-2.0
"""Real-time priority for the processes that commands pass through, as ros2_control's controllers have it.

Without it they share the cores with cameras and inference on equal terms, and wait their turn. A simulated robot stays
without: it is the largest load of all, and lowers the rate of its cameras when it comes late, for which it must notice.
"""

from __future__ import annotations

import os
from pathlib import Path

# Above everything ordinary, below ros2_control (50) and a Franka's own loop (98).
DEFAULT_PRIORITY = 20
REMEDY = "give the user `rtprio 99` in a file of /etc/security/limits.d, as ros2_control asks, and log in again"
THREADS = Path("/proc/self/task")


def take_priority(priority: int) -> str:
    """Put all threads of this process, and those that they start, under SCHED_FIFO.

    Args:
        priority: 1 to 99.

    Returns:
        Why it was not done; empty when it was.
    """
    if not hasattr(os, "sched_setscheduler"):
        return "this system has no real-time scheduling"
    done: set[int] = set()
    try:
        # One thread at a time: what is set for the process holds for its first thread and those that it starts. Again
        # until there is no new one: a thread may start another before its turn.
        while threads := {int(path.name) for path in THREADS.iterdir()} - done:
            for thread in threads:
                _set(thread, priority)
            done |= threads
    except PermissionError:
        return "this user may not take it"
    except OSError as error:  # some containers allow no such call at all
        return f"this system does not give it ({error})"
    return ""


def _set(thread: int, priority: int) -> None:
    try:
        os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(priority))
    except ProcessLookupError:
        return  # it has ended meanwhile
