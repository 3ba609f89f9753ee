# SPDX-License-Identifier: Apache-2.0
"""A second process of a node, as another terminal would start it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from molmoact2_ros.bringup.graph import NodeSpec
from molmoact2_ros.bringup.supervisor import Supervisor
from molmoact2_ros.operation.client import OperatorClient

from ..catalogue.names import LINKS
from ..disturbed import Disturbed
from ..fault import Action
from .way import Way

JOINS_S = 60.0  # a policy loads its checkpoint
POLL_S = 0.05
PRIORITY = 10  # niceness: that it loads its libraries must not be what stops the arm
FOUND = "second publisher"


class SecondNode(Way):
    """Start a node once more; its topics have their own names, whatever the first one's are mapped to."""

    def __init__(
        self,
        client: OperatorClient,
        nodes: Mapping[str, NodeSpec],
        folder: Path,
        on_line: Callable[[str, str], None],
        cause: Callable[[], str],
    ) -> None:
        """Prepare.

        Args:
            client: in the domain of the graph.
            nodes: of the graph, by name.
            folder: takes the logs of second nodes.
            on_line: as of the supervisor.
            cause: of the stop by safety, in words; empty while there is none.
        """
        self._client, self._nodes, self._cause = client, nodes, cause
        self._supervisor = Supervisor(folder, on_line)

    def begin(self, action: Action) -> float:
        """Start it; the fault counts from when its topic is listed with two publishers, or safety is quicker."""
        node, topic = action.argument, f"/{LINKS[action.argument]}"
        self._supervisor.start([replace(self._nodes[node], remappings={})])
        os.setpriority(os.PRIO_PROCESS, self._supervisor.pid(node), PRIORITY)
        deadline = time.monotonic() + JOINS_S
        while True:
            before_s = time.monotonic()
            self._client.spin_for(POLL_S)
            if len(self._client.node.get_publishers_info_by_topic(topic)) > 1 or self._cause() == FOUND:
                return before_s
            if self._cause():
                self._supervisor.stop()
                raise Disturbed(self._cause())
            if before_s > deadline or self._supervisor.new_exits():
                self._supervisor.stop()
                raise ValueError(f"a second {node} did not join within {JOINS_S:.0f} s, or ended")

    def end(self, _action: Action) -> None:
        """End it."""
        self._supervisor.stop()
