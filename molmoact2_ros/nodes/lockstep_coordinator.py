# SPDX-License-Identifier: Apache-2.0
"""The order of lockstep: which node acts next, and what it has to have received. Plain data, no ROS entity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from molmoact2_ros.msg import LockstepDone, LockstepPhase

# Names of nodes, in the order in which data flows; nodes that are not named here act in OPERATE.
PHASES: dict[int, tuple[str, ...]] = {
    LockstepPhase.STATE: ("bridge",),
    LockstepPhase.OBSERVATION: ("perception",),
    LockstepPhase.CHUNK: ("task", "policy"),
    LockstepPhase.COMMAND: ("interpolator",),
    LockstepPhase.CHECK: ("safety",),
    LockstepPhase.FORWARD: ("bridge",),
    LockstepPhase.OPERATE: (),
}
OF_THE_LINE = {name for names in PHASES.values() for name in names}


@dataclass
class _Participant:
    name: str
    is_ready: bool = False
    subscriptions: frozenset[str] = frozenset()
    handled: dict[str, int] = field(default_factory=dict)
    next_ns: int = 0


class LockstepCoordinator:
    """The nodes of one graph, and how far each is."""

    def __init__(self, nodes: Sequence[str]) -> None:
        """Wait for nodes, by their fully qualified names."""
        self._participants = {name: _Participant(name) for name in nodes}
        self.announced: dict[str, int] = {}  # number of the newest publication by topic
        self.step = 0
        self.phase = 0
        self._missing: set[str] = set()

    @property
    def is_ready(self) -> bool:
        """Whether the first step may begin."""
        return all(each.is_ready for each in self._participants.values())

    @property
    def waiting_for(self) -> list[str]:
        """The nodes without which time does not go on."""
        unready = [each.name for each in self._participants.values() if not each.is_ready]
        return unready or sorted(self._missing)

    def take(self, answer: LockstepDone) -> bool:
        """Take an answer; return whether it was the last one that was missing."""
        was_waiting = bool(self._missing)
        for name in answer.ended:
            self._participants.pop(name, None)
            self._missing.discard(name)
        each = self._participants.get(answer.node)
        if each is not None:
            self.announce(dict(zip(answer.topics, answer.sequences, strict=True)))
            if answer.step == 0:
                each.is_ready, each.subscriptions = True, frozenset(answer.subscriptions)
                each.next_ns = min(each.next_ns, answer.next_ns)
            elif (answer.step, answer.phase) == (self.step, self.phase) and answer.node in self._missing:
                each.next_ns = answer.next_ns
                self._missing.discard(answer.node)
        return was_waiting and not self._missing

    def announce(self, sequences: Mapping[str, int]) -> None:
        """Count publications, by topic, in which the next to act has to be up to date."""
        self.announced.update(sequences)

    def begin_step(self) -> None:
        """Begin the next step; its first phase is to come."""
        self.step, self.phase = self.step + 1, 0

    def next_phase(self, now_ns: int) -> list[str]:
        """Go on to the next phase in which a node has something to do; return its nodes, none at the step's end.

        A node has something to do when it subscribes to what was published since it acted, or at its own time.
        """
        for phase in (phase for phase in PHASES if phase > self.phase):
            self.phase = phase
            acting = [each for each in self._in(phase) if self._has_work(each, now_ns)]
            if acting:
                for each in acting:
                    each.handled = {topic: self.announced.get(topic, 0) for topic in each.subscriptions}
                self._missing = {each.name for each in acting}
                return [each.name for each in acting]
        return []

    def _in(self, phase: int) -> list[_Participant]:
        if phase == LockstepPhase.OPERATE:
            return [each for each in self._participants.values() if _base(each.name) not in OF_THE_LINE]
        return [each for each in self._participants.values() if _base(each.name) in PHASES[phase]]

    def _has_work(self, each: _Participant, now_ns: int) -> bool:
        return each.next_ns <= now_ns or any(
            self.announced.get(topic, 0) > each.handled.get(topic, 0) for topic in each.subscriptions
        )


def _base(name: str) -> str:
    return name.rpartition("/")[2]
