# SPDX-License-Identifier: Apache-2.0
"""Who else publishes commands: two publishers on one topic make a motion that nobody planned."""

from __future__ import annotations

from collections.abc import Sequence

from .causes import Cause
from .verdict import Verdict


class Rivals:
    """The publishers of each command topic; one is right."""

    def __init__(self) -> None:
        """Know of none."""
        self._verdicts: dict[str, Verdict | None] = {}

    def heard(self, topic: str, names: Sequence[str]) -> None:
        """Note the names of the nodes that publish on a topic."""
        self._verdicts[topic] = _verdict(topic, sorted(names)) if len(names) > 1 else None

    def check(self) -> Verdict | None:
        """Say on which topic there is more than one."""
        return next((verdict for verdict in self._verdicts.values() if verdict is not None), None)


def _verdict(topic: str, names: list[str]) -> Verdict:
    text = (
        f"'{topic}' has {len(names)} publishers ({', '.join(names)}), expected one; stop the others (one that crashed "
        "is listed for some seconds)"
    )
    return Verdict(Cause.SECOND_PUBLISHER, text, value=float(len(names)), limit=1.0)
