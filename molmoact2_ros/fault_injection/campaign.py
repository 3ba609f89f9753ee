# SPDX-License-Identifier: Apache-2.0
"""All chosen faults, one after the other, in as few graphs as will do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from molmoact2_ros.bringup.graph import NodeSpec
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.operation.client import OperatorClient

from .disturbed import Disturbed
from .experiment import attempt
from .fault import NONE, Fault, Variant
from .graph_under_test import GraphUnderTest
from .measurement import measure
from .outcome import Outcome, skipped, worst
from .recording import Recording
from .report import line, write_plot

TRIES = 5  # where the arm is stopped by something else before the fault


class Campaign:
    """A robot, its faults, and what has come of them: `entries` of the report, filled as faults end."""

    def __init__(self, robot: Embodiment, folder: Path, say: Callable[[str, str], None], *, repeat: int) -> None:
        """Prepare; logs and plots go to `folder`."""
        self._robot, self._folder, self._say, self._repeat = robot, folder, say, repeat
        self.entries: list[dict[str, Any]] = []
        self._is_fresh = True  # no fault has been injected into the graph that runs

    def run(self, faults: Sequence[Fault], make_nodes: Callable[[Variant], list[NodeSpec]]) -> None:
        """Inject every fault; `make_nodes` lists the nodes of a graph.

        Raises:
            ValueError: the graph could not be brought up.
        """
        for variant in Variant:
            chosen = [fault for fault in faults if fault.variant is variant]
            if chosen:
                self._inject_all(chosen, make_nodes(variant), variant)

    def _inject_all(self, faults: Sequence[Fault], nodes: list[NodeSpec], variant: Variant) -> None:
        with OperatorClient("molmoact2_faults") as client:
            client.require_free_domain()
            folder = self._folder / "logs" / variant.value
            graph = GraphUnderTest(client, self._robot, nodes, folder, self._say, variant=variant)
            self._is_fresh = True
            try:
                graph.start()
                for fault in faults:
                    self._inject(graph, fault)
                self._make_ready(graph, last=True)
            finally:
                graph.take_down()

    def _inject(self, graph: GraphUnderTest, fault: Fault) -> None:
        if reason := graph.injector.why_not(fault.action):
            self._say(fault.name, f"skipped: {reason}")
            self.entries.append(skipped(fault, reason))
            return
        outcomes: list[Outcome] = []
        for number in range(1, self._repeat + 1):
            self._make_ready(graph)
            outcome, recording, begun_s = self._attempt(graph, fault)
            outcomes.append(outcome)
            count = f" ({number} of {self._repeat})" if self._repeat > 1 else ""
            self._say(fault.name, line(outcome) + count)
            # Of many, the last; one that missed stays.
            if all(each.ok for each in outcomes) or not outcome.ok:
                write_plot(self._folder / f"{fault.name}.png", fault, recording, begun_s, self._robot)
            # A later attempt may find that the graph cannot be used after an earlier one.
            self.entries = [*self.entries[: len(self.entries) - (number > 1)], worst(outcomes)]

    def _attempt(self, graph: GraphUnderTest, fault: Fault) -> tuple[Outcome, Recording, float]:
        """Inject once; what must join before is there when the arm is armed."""
        action = fault.action
        self._is_fresh = False
        graph.injector.prepare(action)
        try:
            for _ in range(TRIES):
                problem = graph.make_ready() if action.joins_before else ""
                if problem:
                    break
                try:
                    return attempt(graph, fault)
                except Disturbed as disturbed:
                    problem = str(disturbed)
                self._say(fault.name, f"{problem}; once more")
                problem = graph.make_ready() or problem
            nothing = Outcome(fault, NONE, measure(Recording(), 0.0, self._robot), (problem,))
            return nothing, Recording(), 0.0
        finally:
            graph.injector.leave(action)

    def _make_ready(self, graph: GraphUnderTest, *, last: bool = False) -> None:
        """Repair, arm and move; where that fails the fault before is to blame, and a new graph is started.

        Raises:
            ValueError: a new graph does not become ready either.
        """
        problem = graph.make_ready()
        if not problem:
            return
        if self._is_fresh or not self.entries:
            raise ValueError(problem)
        blamed = self.entries[-1]
        miss = f"afterwards the arm could not be moved again: {problem}"
        self._say(blamed["name"], f"MISS: {miss}")
        blamed["ok"] = False
        blamed.setdefault("misses", []).append(miss)
        if not last:
            self._is_fresh = True
            graph.restart()
            self._make_ready(graph)
