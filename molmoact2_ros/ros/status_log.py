# SPDX-License-Identifier: Apache-2.0
"""A node's status in its log: once for each change, and as no warning while a graph is starting."""

from __future__ import annotations

from typing import Any

START_NS = 10_000_000_000  # in which drivers and the other nodes of a graph come up
PERIOD_S = 2.0  # on a busy machine inputs come and go many times a second: the topic has all of it, the log has not


class StatusLog:
    """What is missing in the first seconds is information; what is still missing afterwards, or later, is a warning."""

    def __init__(self, logger: Any, steady_ns: int) -> None:
        """Begin at a time of the steady clock; `logger` is a node's."""
        self._logger = logger
        self._began_ns = steady_ns
        self._logged: tuple[object, bool] = (None, False)

    def note(self, key: object, problem: str, steady_ns: int) -> None:
        """Log a status that is new.

        Args:
            key: equal as long as the status is the same one, whatever numbers its text has.
            problem: one sentence; empty where all is well.
            steady_ns: time of the steady clock.
        """
        starting = bool(problem) and steady_ns - self._began_ns < START_NS
        if (key, starting) == self._logged:
            return
        self._logged = (key, starting)
        if starting:
            self._logger.info(f"starting: {problem}", throttle_duration_sec=PERIOD_S)
        elif problem:
            self._logger.warning(problem, throttle_duration_sec=PERIOD_S)
