# SPDX-License-Identifier: Apache-2.0
"""One injection into the moving arm: begin, watch, end, see that nothing resumes, judge."""

from __future__ import annotations

import time

import numpy as np

from .disturbed import Disturbed
from .fault import NONE, Fault, Means, Variant
from .graph_under_test import GraphUnderTest
from .measurement import STILL_RAD_S, measure
from .outcome import Outcome
from .recording import Recording

STOOD_S = 1.0  # the arm is watched for so long after it stands, and again after the fault is over
CARRIES_ON_S = 2.5
LATE_S = 2.0  # beyond the budget; then the trial is over
LOGGED_S = 1.0  # until what safety prints is in its file


def attempt(graph: GraphUnderTest, fault: Fault) -> tuple[Outcome, Recording, float]:
    """Inject one fault into a graph whose arm moves; return what came of it, what was seen, and when it began.

    The last is in seconds of the steady clock. A fault that could not be injected or taken back is an objection.

    Raises:
        Disturbed: the arm was stopped before the fault began.
    """
    observer = graph.observer
    observer.recording.clock_may_jump = fault.variant is Variant.SIM_TIME
    graph.safety_log.mark()
    if observer.cause:
        raise Disturbed(observer.cause)
    begun_s = time.monotonic()
    try:
        begun_s = graph.injector.inject(fault.action)
        objections = _watch(graph, fault)
    except Disturbed:
        raise
    except ValueError as error:
        objections = [str(error)]
    recording, cause = observer.recording, _cause(graph, fault)
    objections += _unlogged(graph) + _early(graph, fault)
    ignored = fault.action.argument if fault.action.means is Means.SECOND_PUBLISHER else ""
    seen = recording if fault.measurable else Recording(commands=recording.commands)
    outcome = Outcome(fault, cause, measure(seen, begun_s, graph.robot, ignored), tuple(objections))
    return outcome, recording, begun_s


def _watch(graph: GraphUnderTest, fault: Fault) -> list[str]:
    """Wait for what must come of the fault, and take it back; return what is not as it must be."""
    if fault.may_carry_on:
        graph.spin_until(lambda: not graph.is_armed(), CARRIES_ON_S)
        if graph.is_armed() or fault.carries_on:
            objections = [] if graph.is_armed() else [f"safety is not armed any more: {graph.observer.text}"]
            objections += graph.injector.objections(fault.action)
            graph.injector.undo(fault.action)
            return objections
    return _stop(graph, fault)


def _stop(graph: GraphUnderTest, fault: Fault) -> list[str]:
    """Wait until the arm stands, end the fault, and go on watching; return what was not refused."""
    observer = graph.observer

    def stopped() -> bool:
        return bool(_cause(graph, fault) != NONE) and observer.stood_for_s() > STOOD_S

    graph.spin_until(stopped, fault.budget_s + STOOD_S + LATE_S)
    objections = graph.injector.objections(fault.action)
    recording = observer.recording
    recording.ended_s = time.monotonic()
    try:
        graph.injector.undo(fault.action)
        graph.client.spin_for(STOOD_S)
        if fault.action.victim:
            graph.wait_until_healthy()
    except ValueError as error:
        objections.append(str(error))
    return objections + _resumed(graph, fault)


def _resumed(graph: GraphUnderTest, fault: Fault) -> list[str]:
    """Object to commands that came after the fault had ended."""
    recording = graph.observer.recording
    later = [(at - recording.ended_s, topic) for at, topic in recording.commands if at >= recording.ended_s]
    topics = [topic for _, topic in later]
    if not later or (_sends_one_more(graph, fault) and len(set(topics)) == len(topics)):
        return []
    times = f"{later[0][0]:.2f} s" + (f" to {later[-1][0]:.2f} s" if len(later) > 1 else "")
    return [f"commands came again on {', '.join(sorted(set(topics)))}, {times} after the fault had ended"]


def _sends_one_more(graph: GraphUnderTest, fault: Fault) -> bool:
    """Return whether a process may send what it was about to send when it was stopped, once on each topic.

    A trajectory is past by then: that it moves nothing is measured. A controller that is streamed to goes wherever the
    setpoint is.
    """
    streams = graph.is_streamed and fault.action.argument == "bridge"
    return fault.action.means is Means.HANG and not streams


def _unlogged(graph: GraphUnderTest) -> list[str]:
    """Object to a stop that safety's log does not hold."""
    text = graph.observer.text
    if not text or graph.spin_until(lambda: graph.safety_log.has_stop(text), LOGGED_S):
        return []
    return [f"safety's log has no line of the stop ({graph.observer.cause}: {text})"]


def _early(graph: GraphUnderTest, fault: Fault) -> list[str]:
    """Object to a standstill that safety has seen before it was true."""
    stamp_s, recording = graph.observer.stopped_stamp_s, graph.observer.recording
    if stamp_s is None or recording.clock_may_jump or not fault.measurable:
        return []
    velocities = recording.velocities_at(stamp_s)
    speed_rad_s = 0.0 if velocities is None else float(np.abs(velocities[~graph.robot.is_gripper]).max())
    if speed_rad_s <= 2 * STILL_RAD_S:
        return []
    return [f"safety said stopped while the arm truly moved at {speed_rad_s:.2f} rad/s"]


def _cause(graph: GraphUnderTest, fault: Fault) -> str:
    """Return the cause that was given: of a silent safety the bridge gives it."""
    given = graph.observer.bridge_cause if fault.action.silences_safety else graph.observer.cause
    return given or NONE
