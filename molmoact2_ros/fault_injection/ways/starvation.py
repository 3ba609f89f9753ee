# SPDX-License-Identifier: Apache-2.0
"""Take processor cores away from processes, for a time that nothing can make longer."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from molmoact2_ros.ros.realtime import REMEDY

from ..fault import Action
from .processes import Processes
from .way import Way

PRIORITY = 50  # that of ros2_control; the control nodes have 20
# The kernel ends a loop that has computed for so much longer than it was to (RLIMIT_RTTIME).
LOOP = """
import os, resource, sys, time
core, seconds, priority = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_RTTIME, (int((seconds + 1) * 1e6), int((seconds + 2) * 1e6)))
os.sched_setaffinity(0, {core})
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
if sys.stdin.read():
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
"""
PROBE = f"import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param({PRIORITY}))"


class Starvation(Way):
    """Busy loops of a higher real-time priority: on every core, or on one where a node has been put by itself."""

    def __init__(self, processes: Processes) -> None:
        """Take the processes."""
        self._processes = processes
        self._cores = sorted(os.sched_getaffinity(0))
        self._loops: list[subprocess.Popen[bytes]] = []
        self._probed: str | None = None

    def why_not(self, action: Action) -> str:
        """Ask for the priority, and for a second core where one node is to starve alone."""
        if action.argument and len(self._cores) < 2:
            return "there is one core only, which no process can have for itself"
        if self._probed is None:
            done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, check=False)
            self._probed = f"this user may not take real-time priority {PRIORITY}: {REMEDY}" if done.returncode else ""
        return self._probed

    def prepare(self, action: Action) -> None:
        """Start the loops, which wait for a word."""
        for core in self._taken(action):
            arguments = [str(core), str(action.seconds), str(PRIORITY)]
            command = [sys.executable, "-c", LOOP, *arguments]
            self._loops.append(subprocess.Popen(command, stdin=subprocess.PIPE))

    def begin(self, action: Action) -> None:
        """Starve."""
        if action.argument:
            self._divide(action.argument, self._taken(action))
        for loop in self._loops:
            assert loop.stdin is not None
            loop.stdin.write(b"go")
        for loop in self._loops:
            assert loop.stdin is not None
            loop.stdin.close()

    def end(self, action: Action) -> None:
        """Wait for the end of the loops, and let every process run on every core."""
        for loop in self._loops:
            with contextlib.suppress(subprocess.TimeoutExpired):
                loop.wait(timeout=action.seconds)
            loop.kill()
            loop.wait()
        self._loops.clear()
        for pid in (os.getpid(), *self._processes.pids().values()):
            _pin(pid, self._cores)

    def leave(self, _action: Action) -> None:
        """End loops that were not used."""
        for loop in self._loops:
            loop.kill()
            loop.wait()
        self._loops.clear()

    def _taken(self, action: Action) -> list[int]:
        return self._cores[:1] if action.argument else self._cores

    def _divide(self, node: str, cores: Sequence[int]) -> None:
        """Put one node on some cores, and all other processes of this graph on the others."""
        others = [core for core in self._cores if core not in cores]
        for name, pid in self._processes.pids().items():
            _pin(pid, cores if name == node else others)
        _pin(os.getpid(), others)


def _pin(pid: int, cores: Sequence[int]) -> None:
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), cores)
