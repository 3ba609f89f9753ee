# SPDX-License-Identifier: Apache-2.0
"""How the faults of one means are brought about."""

from __future__ import annotations

from ..fault import Action


class Way:
    """Steps of one injection, in their order; a way fills those that it needs.

    All calls come from the thread in which the client spins.
    """

    def why_not(self, _action: Action) -> str:
        """Return why the fault cannot be injected on this computer; empty when it can."""
        return ""

    def prepare(self, _action: Action) -> None:
        """Join the graph before the arm is armed."""

    def begin(self, _action: Action) -> float | None:
        """Bring the fault about; return from when it counts (steady clock, s), None: from the call.

        Raises:
            ValueError: that was not possible.
        """

    def objections(self, _action: Action) -> list[str]:
        """Once the arm stands, or has carried on, ask for what must be refused; return what is not as it must be."""
        return []

    def end(self, _action: Action) -> None:
        """Take the fault back."""

    def leave(self, _action: Action) -> None:
        """Leave the graph after all is measured."""
