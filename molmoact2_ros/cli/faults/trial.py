# SPDX-License-Identifier: Apache-2.0
"""One injection into the moving arm: begin, watch, end, see that nothing resumes, judge."""

from __future__ import annotations

import time

from .fault import Fault, Means
from .graph_under_test import GraphUnderTest
from .measurement import measure
from .outcome import CAUSE_NONE, Outcome
from .recording import Recording

STOOD_S = 1.0  # the arm is watched for so long after it stands, and again after the fault is over
CARRIES_ON_S = 2.5
LATE_S = 2.0  # beyond the budget; then the trial is over


def attempt(graph: GraphUnderTest, fault: Fault) -> tuple[Outcome, Recording, float]:
    """Inject one fault; return what came of it, what was seen, and when it began (steady clock, s).

    Raises:
        ValueError: the graph did not become ready, before or afterwards.
    """
    graph.wait_until_healthy()
    graph.move()
    observer = graph.observer
    observer.recording.clock_may_jump = fault.sim_time
    begun_s = time.monotonic()
    graph.injector.inject(fault.action)
    if fault.carries_on:
        graph.client.spin_for(CARRIES_ON_S)
        objections = [] if graph.is_armed() else ["safety is not armed any more"]
        graph.injector.undo(fault.action)
    else:
        objections = _stop(graph, fault)
    recording, cause = observer.recording, _cause(graph, fault)
    ignored = fault.action.argument if fault.action.means is Means.RIVAL else ""
    seen = recording if fault.measurable else Recording(commands=recording.commands)
    outcome = Outcome(fault, cause, measure(seen, begun_s, graph.robot, ignored), tuple(objections))
    return outcome, recording, begun_s


def _stop(graph: GraphUnderTest, fault: Fault) -> list[str]:
    """Wait until the arm stands, end the fault, and go on watching; return what was not refused."""
    observer = graph.observer

    def stopped() -> bool:
        return bool(_cause(graph, fault) != CAUSE_NONE) and observer.stood_for_s() > STOOD_S

    graph.spin_until(stopped, fault.budget_s + STOOD_S + LATE_S)
    objections = graph.injector.try_refused(fault.action)
    seen_to_stop = graph.observer.recording
    commands = len(seen_to_stop.commands)
    graph.injector.undo(fault.action)
    graph.client.spin_for(STOOD_S)
    if fault.action.victim:
        graph.wait_until_healthy()
    if fault.action.means is Means.HANG and len(seen_to_stop.commands) == commands + 1:
        # What it was about to send when it was stopped leaves it when it goes on. The trajectory is past by then: that
        # it moves nothing is measured.
        seen_to_stop.commands.pop()
    resumed = [topic for _, topic in seen_to_stop.commands[commands:]]
    return objections + ([f"commands came again on {', '.join(sorted(set(resumed)))}"] if resumed else [])


def _cause(graph: GraphUnderTest, fault: Fault) -> str:
    """Return who told what: of a silent safety the bridge tells."""
    told = graph.observer.bridge_cause if fault.action.victim == "safety" else graph.observer.cause
    return told or CAUSE_NONE
