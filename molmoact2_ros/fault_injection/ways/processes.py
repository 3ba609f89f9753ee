# SPDX-License-Identifier: Apache-2.0
"""Processes of the graph: started again, killed, held still for long or for a moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping

from molmoact2_ros.bringup.graph import NodeSpec
from molmoact2_ros.bringup.supervisor import Supervisor
from molmoact2_ros.operation.client import OperatorClient

from ..catalogue.allowances import PAUSE_GAP_S
from ..fault import Action
from .way import Way

GONE_S = 5.0


class Processes:
    """The nodes' processes by name; `nodes` are started again by what they were started with."""

    def __init__(self, client: OperatorClient, supervisor: Supervisor, nodes: Mapping[str, NodeSpec]) -> None:
        """Take who started them."""
        self.client, self.nodes = client, nodes
        self._supervisor = supervisor

    def start(self, name: str) -> None:
        """Start a node again."""
        self.client.wait_for(lambda: name not in self._supervisor.running(), GONE_S)
        self._supervisor.new_exits()
        self._supervisor.start([self.nodes[name]])

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a node."""
        os.kill(self._supervisor.pid(name), number)

    def pids(self) -> dict[str, int]:
        """Return the process id of every node that runs."""
        return {name: self._supervisor.pid(name) for name in self._supervisor.running()}


class Kill(Way):
    """SIGKILL, and a new process."""

    def __init__(self, processes: Processes) -> None:
        """Take the processes."""
        self._processes = processes

    def begin(self, action: Action) -> None:
        """Kill."""
        self._processes.signal(action.argument, signal.SIGKILL)

    def end(self, action: Action) -> None:
        """Start again."""
        self._processes.start(action.argument)


class Hang(Way):
    """SIGSTOP, and SIGCONT."""

    def __init__(self, processes: Processes) -> None:
        """Take the processes."""
        self._processes = processes

    def begin(self, action: Action) -> None:
        """Hold still."""
        self._processes.signal(action.argument, signal.SIGSTOP)

    def end(self, action: Action) -> None:
        """Let go on."""
        self._processes.signal(action.argument, signal.SIGCONT)


class Pause(Way):
    """SIGSTOP and SIGCONT after `seconds`, as often as the action says or until the arm is stopped."""

    def __init__(self, processes: Processes, is_stopped: Callable[[], bool]) -> None:
        """Take the processes, and what says that safety has stopped the arm."""
        self._processes, self._is_stopped = processes, is_stopped

    def begin(self, action: Action) -> None:
        """Pause, with time between to go on."""
        for _ in range(action.times):
            self._processes.signal(action.argument, signal.SIGSTOP)
            try:
                self._processes.client.spin_for(action.seconds)
            finally:
                self._processes.signal(action.argument, signal.SIGCONT)
            self._processes.client.spin_for(PAUSE_GAP_S)
            if self._is_stopped():
                return
