# SPDX-License-Identifier: Apache-2.0
"""All chosen faults, one after the other, in as few graphs as will do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from molmoact2_ros.cli.operator_client import OperatorClient
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.nodes.graph import NodeSpec

from .fault import Fault
from .graph_under_test import GraphUnderTest
from .outcome import Outcome, worst
from .report import line, write_plot
from .trial import attempt


class Campaign:
    """A robot, its faults, and what has come of them: `entries` of the report, filled as faults end."""

    def __init__(self, robot: Embodiment, folder: Path, say: Callable[[str, str], None], *, repeat: int) -> None:
        """Prepare; logs and plots go to `folder`."""
        self._robot, self._folder, self._say, self._repeat = robot, folder, say, repeat
        self.entries: list[dict[str, Any]] = []

    def run(self, faults: Sequence[Fault], make_nodes: Callable[[bool], list[NodeSpec]]) -> None:
        """Inject every fault; `make_nodes` lists the graph's nodes, on simulated time or not.

        Raises:
            ValueError: the graph could not be brought up, or not repaired after a fault.
        """
        for sim_time in (False, True):
            chosen = [fault for fault in faults if fault.sim_time is sim_time]
            if chosen:
                self._inject_all(chosen, make_nodes(sim_time), "sim_time" if sim_time else "")

    def _inject_all(self, faults: Sequence[Fault], nodes: list[NodeSpec], suffix: str) -> None:
        with OperatorClient("molmoact2_faults") as client:
            client.require_free_domain()
            graph = GraphUnderTest(client, self._robot, nodes, self._folder / "logs" / suffix, self._say)
            try:
                graph.start()
                for fault in faults:
                    self._inject(graph, fault)
            finally:
                graph.take_down()

    def _inject(self, graph: GraphUnderTest, fault: Fault) -> None:
        outcomes: list[Outcome] = []
        for number in range(1, self._repeat + 1):
            outcome, recording, begun_s = attempt(graph, fault)
            outcomes.append(outcome)
            count = f" ({number} of {self._repeat})" if self._repeat > 1 else ""
            self._say(fault.name, line(outcome) + count)
            # Of many, the last; one that missed stays.
            if all(each.ok for each in outcomes) or not outcome.ok:
                write_plot(self._folder / f"{fault.name}.png", fault, recording, begun_s, self._robot)
        self.entries.append(worst(outcomes))
