# SPDX-License-Identifier: Apache-2.0
"""What is known about one input of an observation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class InputState(Enum):
    """The states of msg/PerceptionStatus.msg, by the same names."""

    OK = auto()
    MISSING = auto()
    STALE = auto()
    FROZEN = auto()
    SKEWED = auto()
    INVALID = auto()
    WRONG = auto()


@dataclass(frozen=True)
class InputStatus:
    """State of one input; `age_s` of its newest stamp, NaN when nothing has arrived; `text` empty when OK."""

    name: str
    state: InputState
    age_s: float
    text: str = ""

    @property
    def ok(self) -> bool:
        """Return whether the input can be used."""
        return self.state is InputState.OK
