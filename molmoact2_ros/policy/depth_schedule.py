# SPDX-License-Identifier: Apache-2.0
"""Which inferences reason in depth."""

from __future__ import annotations

import threading

from molmoact2_ros.policy.policy import PolicyError


class DepthSchedule:
    """Every inference, every n-th, or those asked for."""

    def __init__(self, every: int = 1) -> None:
        """Set the period.

        Args:
            every: 1 for every inference, n for the first and every n-th after it, 0 for none but those asked for.

        Raises:
            PolicyError: if it is negative.
        """
        if every < 0:
            raise PolicyError(f"depth_every: expected 0 (on demand) or more, got {every}")
        self._every, self._count = every, 0
        self._asked = threading.Event()  # set by the caller's thread, cleared by the one that infers

    def ask(self) -> None:
        """Let the next inference reason in depth, whatever its number."""
        self._asked.set()

    def due(self) -> bool:
        """Count an inference, and return whether it reasons in depth."""
        asked = self._asked.is_set()
        if asked:
            self._asked.clear()
        periodic = self._every > 0 and self._count % self._every == 0
        self._count += 1
        return asked or periodic

    def restart(self) -> None:
        """Forget what was counted and asked for."""
        self._count = 0
        self._asked.clear()
