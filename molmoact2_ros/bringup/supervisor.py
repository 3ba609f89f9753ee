# SPDX-License-Identifier: Apache-2.0
"""Start the nodes of a graph as processes, notice when one ends, take them down."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from .dds_profile import profile_environment
from .graph import NodeSpec

TERMINATE_GRACE_S = 5.0  # a node that has not gone after this is killed
PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class NodeExit:
    """A node that ended: its exit status (negative: the signal) and the last thing it said."""

    name: str
    status: int
    last_words: str

    def __str__(self) -> str:
        if self.status < 0:  # what it said last has nothing to do with it
            return f"{self.name} was killed by {signal.Signals(-self.status).name}"
        return f"{self.name} exited with {self.status}" + (f": {self.last_words}" if self.last_words else "")


class Supervisor:
    """The processes of one graph. Their output goes line by line to `on_line` and, per node, to a log file."""

    def __init__(self, folder: Path, on_line: Callable[[str, str], None]) -> None:
        """Prepare; nothing is started.

        Args:
            folder: takes parameter files and logs; made if missing.
            on_line: called with node name and line, from one thread per node.
        """
        self.log_folder = folder
        self._on_line = on_line
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._readers: dict[str, threading.Thread] = {}
        self._last_error: dict[str, str] = {}
        self._reported: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, nodes: Sequence[NodeSpec]) -> None:
        """Start one process per node; they end when this process ends, however it ends.

        A node that ended may be started again: its log goes on.
        """
        for node in nodes:
            remappings = [text for old, new in node.remappings.items() for text in ("-r", f"{old}:={new}")]
            parameters = ["--params-file", str(self._write_parameters(node))]
            process = subprocess.Popen(
                [sys.executable, "-m", node.module, "--ros-args", *parameters, *remappings],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env={**os.environ, **profile_environment(node.name, os.environ)},
                start_new_session=True,  # Ctrl-C comes to us alone: the arm is stopped before its nodes are
                preexec_fn=_die_with_parent,  # noqa: PLW1509 two system calls, nothing that takes a lock
            )
            mode = "a" if node.name in self._processes else "w"
            reader = threading.Thread(target=self._read, args=(node.name, process, mode), daemon=True)
            self._reported.discard(node.name)
            self._processes[node.name] = process
            self._readers[node.name] = reader
            reader.start()

    def running(self) -> list[str]:
        """Return the names of the nodes that are alive."""
        return [name for name, process in self._processes.items() if process.poll() is None]

    def pid(self, name: str) -> int:
        """Return the process id of a node."""
        return self._processes[name].pid

    def new_exits(self) -> list[NodeExit]:
        """Return the nodes that ended since the last call."""
        ended = [
            (name, process.returncode)
            for name, process in self._processes.items()
            if process.poll() is not None and name not in self._reported
        ]
        for name, _ in ended:
            self._readers[name].join(timeout=1.0)  # its last words may still be in the pipe
        self._reported.update(name for name, _ in ended)
        return [NodeExit(name, status, self._last_error.get(name, "")) for name, status in ended]

    def stop(self) -> None:
        """End every node: SIGTERM, then SIGKILL for those that stay."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + TERMINATE_GRACE_S
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._signal(signal.SIGKILL)
        for name, process in self._processes.items():
            process.wait()
            self._readers[name].join(timeout=1.0)
            self._reported.add(name)

    def _signal(self, number: int) -> None:
        for name in self.running():
            with contextlib.suppress(ProcessLookupError):
                self._processes[name].send_signal(number)

    def _write_parameters(self, node: NodeSpec) -> Path:
        path = self.log_folder / f"{node.name}.params.yaml"
        path.write_text(yaml.safe_dump({"/**": {"ros__parameters": dict(node.parameters)}}))  # in any namespace
        return path

    def _read(self, name: str, process: subprocess.Popen[str], mode: str) -> None:
        assert process.stdout is not None
        tail: deque[str] = deque(maxlen=1)
        with (self.log_folder / f"{name}.log").open(mode) as log:
            for raw in process.stdout:
                line = raw.rstrip()
                log.write(line + "\n")
                log.flush()
                if line:
                    tail.append(line)
                    self._on_line(name, line)
        if tail:
            self._last_error[name] = tail[0].removeprefix("error: ")


def _die_with_parent() -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == 1:  # the parent went before the call above
        os.kill(os.getpid(), signal.SIGTERM)


REFUSED = 2  # exit status of a node whose input cannot be used


def exit_status(exits: list[NodeExit]) -> int:
    """Return 2 if a node refused its input (it ends with 2 itself), else 1."""
    return REFUSED if exits[0].status == REFUSED else 1
