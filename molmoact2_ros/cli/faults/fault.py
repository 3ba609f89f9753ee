# SPDX-License-Identifier: Apache-2.0
"""One fault as plain data: what is done, what must come of it, and by when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MARGIN_S = 0.1  # periods of watching, transport and this observer; added to every budget


class Means(Enum):
    """How a fault is brought about; the value says what `Action.argument` is."""

    HARDWARE = "the simulator's parameter misbehaviour"
    CHUNKS = "a kind of SpoiltChunks"
    KILL = "a node, sent SIGKILL"
    HANG = "a node, sent SIGSTOP"
    RIVAL = "a topic on which somebody else publishes"
    OPERATOR = "what an operator does"


@dataclass(frozen=True)
class Action:
    """What is done to the running graph."""

    means: Means
    argument: str

    @property
    def victim(self) -> str:
        """The node that is killed or hung; empty for everything else."""
        return self.argument if self.means in (Means.KILL, Means.HANG) else ""


@dataclass(frozen=True)
class Allowance:
    """One part of a budget, and why it is as long as it is."""

    seconds: float
    reason: str


@dataclass(frozen=True)
class Fault:
    """One fault.

    `expected` holds the causes that name it, in words; empty: the graph rightly carries on. `notice` is the time until
    nobody sends commands any more, `brake` what the arm then takes to stand. `measurable` is False where the fault
    takes away what the arm is measured by, `sim_time` True where the graph must follow a simulated clock.
    """

    name: str
    does: str
    action: Action
    expected: tuple[str, ...]
    notice: tuple[Allowance, ...] = ()
    brake: tuple[Allowance, ...] = ()
    measurable: bool = True
    sim_time: bool = False

    @property
    def carries_on(self) -> bool:
        """Tell whether nothing is to stop."""
        return not self.expected

    @property
    def notice_s(self) -> float:
        """Time from the fault to the last command, at most."""
        return sum(part.seconds for part in self.notice) + MARGIN_S

    @property
    def budget_s(self) -> float:
        """Time from the fault to standstill, at most."""
        return self.notice_s + sum(part.seconds for part in self.brake)

    @property
    def expectation(self) -> str:
        """The expected cause in words."""
        return " or ".join(self.expected) or "none (carries on correctly)"
