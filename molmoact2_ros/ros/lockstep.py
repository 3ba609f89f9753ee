# SPDX-License-Identifier: Apache-2.0
"""Lockstep: the simulated graph on a time that waits for every node, so that load changes how long a run takes only.

The simulator owns the time (`lockstep_coordinator`). Each step has phases, in the order in which data flows; in a phase
some nodes act while all others wait. A node that acts (`LockstepMember`) first has to have received every publication
that was made before the phase. It handles them topic by topic, in the order in which it subscribed, runs the timers
that are due, and answers with the numbers of its own publications. Publications that arrive early wait. So the order
in which a node handles its inputs does not depend on when they arrive.

Services are answered at once. The operator acts in a phase of its own, in which all others wait: what it calls takes
effect at that step.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from rclpy.task import Future

from molmoact2_ros.msg import LockstepDone, LockstepPhase
from molmoact2_ros.timing import NS_PER_S

from . import qos
from .conversions import stamp_ns

NEVER_NS = 2**63 - 1
START_NS = 1_577_836_800 * NS_PER_S  # 2020-01-01: the stamps of every run are the same
PHASE_TOPIC, DONE_TOPIC = "lockstep/phase", "lockstep/done"
READY_POLL_S = 0.05  # of the steady clock
# Between two phases a node may publish several times, and none of it may be lost or expire.
TOPICS = QoSProfile(depth=64, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class CountedPublisher(Publisher):  # type: ignore[type-arg,unused-ignore]
    """A publisher that knows the number of its newest publication, as the middleware counts."""

    sequence = 0

    def publish(self, msg: Any) -> None:
        """Publish, and count."""
        super().publish(msg)
        self.sequence += 1


@dataclass
class _Input:
    """Publications on one topic that were received and not handled yet, each with its number."""

    callback: Callable[..., None]
    with_info: bool
    topic: str = ""
    subscription: Any = None
    received: int = 0
    waiting: deque[tuple[int, Any, Mapping[str, Any]]] = field(default_factory=deque)


@dataclass
class _Timer:
    due_ns: int
    callback: Callable[[], None]
    period_ns: int = 0  # 0: once


class LockstepInputs:
    """What a node in lockstep publishes, receives and does periodically. All calls come from its executor's thread."""

    def __init__(self, node: Node, received: Callable[[], None]) -> None:
        """Begin with nothing.

        Args:
            node: owns the entities.
            received: called after each publication that arrives.
        """
        self.now_ns = START_NS
        self._node, self._received = node, received
        self._inputs: list[_Input] = []
        self._publishers: list[CountedPublisher] = []
        self._timers: list[_Timer] = []

    def publisher(self, kind: Any, topic: str) -> CountedPublisher:
        """Make a publisher whose publications count."""
        made = self._node.create_publisher(kind, topic, TOPICS, publisher_class=CountedPublisher)
        assert isinstance(made, CountedPublisher)
        self._publishers.append(made)
        return made

    def subscription(self, kind: Any, topic: str, callback: Callable[..., None], *, raw: bool = False) -> Subscription:
        """Subscribe; `callback(message)` or `callback(message, info)` is called when this node acts."""
        entry = _Input(callback, with_info=len(inspect.signature(callback).parameters) > 1)

        def receive(message: Any, info: Mapping[str, Any]) -> None:
            entry.received = int(info["publication_sequence_number"])
            entry.waiting.append((entry.received, message, info))
            self._received()

        # rclpy's annotations lack callbacks that take the message's information, too.
        made = self._node.create_subscription(kind, topic, receive, TOPICS, raw=raw)  # type: ignore[arg-type]
        entry.topic, entry.subscription = made.topic_name, made
        self._inputs.append(entry)
        return made

    def forget(self, subscription: Subscription) -> None:
        """Handle nothing more of a subscription that ends."""
        self._inputs = [entry for entry in self._inputs if entry.subscription is not subscription]

    def timer(self, period_s: float, callback: Callable[[], None]) -> None:
        """Call back once a period, for the first time when one has passed."""
        period_ns = round(period_s * NS_PER_S)
        self._timers.append(_Timer(self.now_ns + period_ns, callback, period_ns))

    def at(self, time_ns: int, callback: Callable[[], None]) -> None:
        """Call back once, in the first step at or after a time."""
        self._timers.append(_Timer(time_ns, callback))

    def handle(self, announced: Mapping[str, int]) -> bool:
        """Handle the publications that were announced; return False, and handle none, while one is missing."""
        if any(entry.received < announced.get(entry.topic, 0) for entry in self._inputs):
            return False
        for entry in self._inputs:
            while entry.waiting and entry.waiting[0][0] <= announced.get(entry.topic, 0):
                _, message, info = entry.waiting.popleft()
                entry.callback(*((message, info) if entry.with_info else (message,)))
        return True

    def sequences(self) -> dict[str, int]:
        """Return the number of the newest publication on each topic of this node."""
        return {made.topic_name: made.sequence for made in self._publishers if made.sequence}

    def run_timers(self) -> None:
        """Call what is due, in the order in which it was asked for; periods that were missed are skipped."""
        for timer in [timer for timer in self._timers if timer.due_ns <= self.now_ns]:
            if timer.period_ns:
                missed = (self.now_ns - timer.due_ns) // timer.period_ns
                timer.due_ns += (missed + 1) * timer.period_ns
            else:
                self._timers.remove(timer)
            timer.callback()

    def next_ns(self) -> int:
        """Return the time of the next timer."""
        return min((timer.due_ns for timer in self._timers), default=NEVER_NS)

    def topics(self) -> list[str]:
        """Return the resolved names of the topics subscribed to."""
        return [entry.topic for entry in self._inputs]


class LockstepMember(LockstepInputs):
    """The part of a node that acts in phases: every node but the simulator."""

    def __init__(self, node: Node, is_ready: Callable[[], bool] = lambda: True) -> None:
        """Join.

        Args:
            node: acts, and owns the entities.
            is_ready: whether the first step may begin, as far as the node is concerned; asked until it is.
        """
        super().__init__(node, self._act)
        self._ended: list[str] = []
        self._is_ready = is_ready
        self._name = node.get_fully_qualified_name()
        self._awaited: list[Future] = []
        self._phase: LockstepPhase | None = None  # in which this node acts now
        self._has_acted = False
        self._answered = (0, 0)
        self._done = node.create_publisher(LockstepDone, DONE_TOPIC, TOPICS)
        node.create_subscription(LockstepPhase, PHASE_TOPIC, self._on_phase, qos.LATCHED)
        self._poll = node.create_timer(READY_POLL_S, self._report_ready, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def wait_for(self, future: Future) -> None:
        """Answer the present phase when a service has answered this node, and not before."""
        self._awaited.append(future)
        future.add_done_callback(lambda _: self._act())

    def report_ended(self, name: str) -> None:
        """Say that a node has ended: the steps go on without it. Of use to the process that runs the graph."""
        self._ended.append(name)
        self._done.publish(self._answer(0, 0))

    def _report_ready(self) -> None:
        """Say that the first step may begin, until it does: the simulator may start later than this node."""
        if self._answered != (0, 0):
            self._node.destroy_timer(self._poll)
        elif self._is_ready():
            self._done.publish(self._answer(0, 0))

    def _on_phase(self, message: LockstepPhase) -> None:
        if self._name not in message.nodes:
            return
        if (message.step, message.phase) == self._answered:
            self._done.publish(self._answer(message.step, message.phase))  # the one before was lost
        elif self._phase is None:
            self._phase, self._has_acted = message, False
            self._act()

    def _act(self) -> None:
        phase = self._phase
        if phase is None:
            return
        if not self._has_acted:
            before_ns, self.now_ns = self.now_ns, stamp_ns(phase.time)
            if not self.handle(dict(zip(phase.topics, phase.sequences, strict=True))):
                self.now_ns = before_ns
                return
            self.run_timers()
            self._has_acted = True
        if all(future.done() for future in self._awaited):
            self._awaited.clear()
            self._phase, self._answered = None, (phase.step, phase.phase)
            self._done.publish(self._answer(*self._answered))

    def _answer(self, step: int, phase: int) -> LockstepDone:
        sequences = self.sequences()
        message = LockstepDone(
            node=self._name,
            step=step,
            phase=phase,
            next_ns=self.next_ns(),
            topics=list(sequences),
            sequences=list(sequences.values()),
            ended=self._ended,
        )
        if not step:
            message.subscriptions = self.topics()
        return message
