# SPDX-License-Identifier: Apache-2.0
"""Bring faults about in a running graph, and take them back."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..fault import Action, Means
from .way import Way


class Injector:
    """The steps of a `Way`, for the way of an action's means.

    All calls come from the thread in which the client spins.
    """

    def __init__(self, ways: Mapping[Means, Way]) -> None:
        """Take one way for each means."""
        self._ways = ways

    def why_not(self, action: Action) -> str:
        """Return why the fault cannot be injected on this computer; empty when it can."""
        return self._ways[action.means].why_not(action)

    def prepare(self, action: Action) -> None:
        """Let join what must be there before the arm is armed."""
        self._ways[action.means].prepare(action)

    def inject(self, action: Action) -> float:
        """Begin a fault; return from when it counts, steady clock, s.

        Raises:
            ValueError: that was not possible.
        """
        called_s = time.monotonic()
        return self._ways[action.means].begin(action) or called_s

    def objections(self, action: Action) -> list[str]:
        """Once the arm stands or has carried on, and the fault lasts, return what is not as it must be."""
        return self._ways[action.means].objections(action)

    def undo(self, action: Action) -> None:
        """End a fault.

        Raises:
            ValueError: that was not possible.
        """
        self._ways[action.means].end(action)

    def leave(self, action: Action) -> None:
        """Let leave what joined for this fault."""
        self._ways[action.means].leave(action)
