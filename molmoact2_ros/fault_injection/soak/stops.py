# SPDX-License-Identifier: Apache-2.0
"""Which stops a long run had, and whether the load of the computer explains each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

LOADED = "overloaded"
LOAD_WORDS = ("load on this computer", "computer's load", "machine is busy", "computer is overloaded")


@dataclass(frozen=True)
class Stop:
    """One stop: seconds since the run began, its cause in words, its sentence."""

    at_s: float
    cause: str
    text: str

    @property
    def names_the_load(self) -> bool:
        """Return whether cause or sentence says that the computer was too busy."""
        return self.cause == LOADED or any(words in self.text for words in LOAD_WORDS)


@dataclass
class Stops:
    """All stops of a run."""

    seen: list[Stop] = field(default_factory=list)

    def ok(self, *, busy: bool) -> bool:
        """Return whether there was none, or, on a computer that is kept busy, none that blames another cause."""
        return not self.seen or (busy and all(stop.names_the_load for stop in self.seen))

    def report(self) -> dict[str, Any]:
        """Return counts by cause, and every stop with its sentence."""
        counts = Counter(stop.cause for stop in self.seen)
        texts = [{"at_s": round(stop.at_s, 1), "cause": stop.cause, "text": stop.text} for stop in self.seen]
        return {"stops": dict(counts), "stop_texts": texts}
