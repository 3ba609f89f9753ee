# SPDX-License-Identifier: Apache-2.0
"""Tools that join and leave a graph the whole time, and loops that keep the computer busy."""

from __future__ import annotations

import contextlib
import itertools
import signal
import subprocess
import sys
import time

TOPICS = ("robot_state", "observation", "safety_state")
STAYS_S = 5.0  # with a start of about one second of it
ENDS_S = 10.0  # a reader that has not ended by then is killed
LOOP = "import ctypes, signal; ctypes.CDLL(None).prctl(1, signal.SIGTERM)\nwhile True: pass"


class Readers:
    """Short-lived readers, each a process of its own: it joins, stays for some seconds and ends by SIGINT."""

    def __init__(self, per_minute: float) -> None:
        """Start none yet."""
        self._period_s = 60.0 / per_minute if per_minute > 0 else float("inf")
        self._next_s = time.monotonic() + min(self._period_s, STAYS_S)
        self._topics = itertools.cycle(TOPICS)
        self._running: list[tuple[float, subprocess.Popen[bytes]]] = []
        self.started = 0
        self.failed = 0  # ended otherwise than by SIGINT

    def update(self) -> None:
        """Start one when it is time, and end those that have stayed long enough."""
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + self._period_s
            command = [sys.executable, "-m", "molmoact2_ros.fault_injection.soak.reader", next(self._topics)]
            self._running.append((now_s, subprocess.Popen(command, start_new_session=True)))
            self.started += 1
        for begun_s, process in list(self._running):
            status = process.poll()
            if status is not None:
                self.failed += status not in (0, -signal.SIGINT)
                self._running.remove((begun_s, process))
            elif now_s - begun_s > STAYS_S + ENDS_S:
                process.kill()
            elif now_s - begun_s > STAYS_S:
                process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """End all."""
        _end([process for _, process in self._running])
        self._running.clear()


class BusyLoops:
    """Processes of normal priority that compute all the time."""

    def __init__(self, count: int) -> None:
        """Start them."""
        self._processes = [subprocess.Popen([sys.executable, "-c", LOOP], start_new_session=True) for _ in range(count)]

    def close(self) -> None:
        """End them."""
        _end(self._processes)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    for process in processes:
        process.wait()
