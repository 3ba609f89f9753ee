# SPDX-License-Identifier: Apache-2.0
"""One fault as plain data: what is done, what must come of it, and by when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MARGIN_S = 0.1  # periods of watching, transport and this observer; added to every budget
NONE = "none"  # instead of a cause: nothing stopped


class Means(Enum):
    """How a fault is brought about; the value says what `Action.argument` is."""

    HARDWARE = "the simulator's parameter fault"
    CHUNKS = "a kind of CorruptedChunks"
    KILL = "a node, sent SIGKILL"
    HANG = "a node, sent SIGSTOP, and SIGCONT once the arm stands"
    PAUSE = "a node, sent SIGSTOP, and SIGCONT shortly after"
    STARVE = "a node whose core is taken by a busy loop of higher priority; empty: every core"
    CYCLE = "a node that is deactivated and cleaned up, then configured and activated"
    SECOND = "a node of which a second process joins the graph"
    SECOND_PUBLISHER = "a topic on which another node publishes"
    OPERATOR = "what an operator does"
    ESTOP_DEVICE = "a press and the QoS of the device's publisher"
    ENABLING_DEVICE = "a release and the QoS of the device's publisher"
    INSTRUCTION = "the QoS of a publisher of instructions"


class Variant(Enum):
    """The graph that a fault is injected into; each is brought up for itself."""

    PLAIN = ""
    SIM_TIME = "sim_time"  # it follows a simulated clock
    ENABLING_DEVICE = "enabling_device"  # safety asks for an enabling device


@dataclass(frozen=True)
class Action:
    """What is done to the running graph.

    `seconds` and `times` are how long a pause or starvation lasts, and how often it comes.
    """

    means: Means
    argument: str
    seconds: float = 0.0
    times: int = 1

    @property
    def victim(self) -> str:
        """The node that is taken away for a while and must work again afterwards; empty for everything else."""
        return self.argument if self.means in (Means.KILL, Means.HANG, Means.CYCLE) else ""

    @property
    def silences_safety(self) -> bool:
        """Return whether the bridge alone can give the cause."""
        return self.means in (Means.KILL, Means.HANG) and self.argument == "safety"

    @property
    def joins_before(self) -> bool:
        """Return whether something must join the graph before the arm is armed."""
        return self.means in (Means.ESTOP_DEVICE, Means.ENABLING_DEVICE, Means.STARVE)


@dataclass(frozen=True)
class Allowance:
    """One part of a budget, and why it is as long as it is."""

    seconds: float
    reason: str


@dataclass(frozen=True)
class Fault:
    """One fault.

    `expected` holds the causes that name it, in words; NONE among them: the graph may carry on as well; empty: it must.
    `notice` is the time until no node decides on motion any more, `brake` what the arm then takes to stand; to a
    controller that is `streamed` to, the bridge sends that brake as well. `measurable` is False where the fault takes
    away what the arm is measured by.
    """

    name: str
    does: str
    action: Action
    expected: tuple[str, ...]
    notice: tuple[Allowance, ...] = ()
    brake: tuple[Allowance, ...] = ()
    measurable: bool = True
    streamed: bool = False
    variant: Variant = Variant.PLAIN

    @property
    def carries_on(self) -> bool:
        """Return whether nothing is to stop."""
        return not self.expected

    @property
    def may_carry_on(self) -> bool:
        """Return whether it is right that nothing stops."""
        return self.carries_on or NONE in self.expected

    @property
    def notice_s(self) -> float:
        """Time from the fault to the last decision, at most."""
        return sum(part.seconds for part in self.notice) + MARGIN_S

    @property
    def last_command_s(self) -> float:
        """Time from the fault to the last command, at most."""
        return self.budget_s if self.streamed else self.notice_s

    @property
    def budget_s(self) -> float:
        """Time from the fault to standstill, at most."""
        return self.notice_s + sum(part.seconds for part in self.brake)

    @property
    def expectation(self) -> str:
        """The expected cause in words."""
        causes = [cause for cause in self.expected if cause != NONE]
        return " or ".join([*causes, "none (carries on correctly)"] if self.may_carry_on else causes)
