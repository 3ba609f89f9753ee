# SPDX-License-Identifier: Apache-2.0
"""Turn what nodes print and report into one line per event. No ROS."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable

START_UP_S = 10.0  # for so long nodes may be finding each other: what they miss is no news
REPEAT_S = 5.0  # the same sentence comes again no sooner

# Their states come by topic, and say what their logs say.
REPORTING_NODES = ("safety", "bridge", "perception")

_LOG_LINE = re.compile(r"\[(?P<level>[A-Z]+)\] \[[\d.]+\] \[[^\]]*\]: (?P<text>.*)")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


class EventLog:
    """Says each event once; the nodes' complete output is in their log files."""

    def __init__(self, say: Callable[[str, str], None], clock_s: Callable[[], float] = time.monotonic) -> None:
        """Prepare.

        Args:
            say: prints one event: who, and what.
            clock_s: steady clock.
        """
        self._say = say
        self._clock_s = clock_s
        self._printed: dict[tuple[str, str], float] = {}
        self._reported: dict[str, str] = {}
        self._was_ready: set[str] = set()
        self._not_ready_since_s: dict[str, float] = {}

    def printed(self, who: str, line: str) -> None:
        """Take a line of a node's output; any thread."""
        match = _LOG_LINE.fullmatch(line)
        level, text = (match["level"], match["text"]) if match else ("", line)
        if text.startswith(("configure failed: ", "error: ")):
            return  # the node ends with it, and is reported with it
        if who in REPORTING_NODES and (level == "INFO" or (level == "WARN" and not text.startswith("refused: "))):
            return
        key, now_s = (who, _NUMBER.sub("#", text)), self._clock_s()
        if now_s - self._printed.get(key, -REPEAT_S) >= REPEAT_S:
            self._printed[key] = now_s
            self._say(who, f"{level.lower()}: {text}" if level in ("WARN", "ERROR", "FATAL") else text)

    def reported(self, who: str, text: str, *, ready: bool = True, key: str = "", patience_s: float = 0.0) -> None:
        """Take the present state of a node.

        Args:
            who: the node.
            text: its state in words.
            ready: False while it waits for something.
            key: what a change is judged by; empty: the text without its numbers.
            patience_s: how long it must wait to be reported; START_UP_S if it never was ready.
        """
        now_s = self._clock_s()
        if ready:
            self._was_ready.add(who)
            self._not_ready_since_s.pop(who, None)
        else:
            lasted_s = now_s - self._not_ready_since_s.setdefault(who, now_s)
            if lasted_s < (patience_s if who in self._was_ready else START_UP_S):
                return
        key = key or _NUMBER.sub("#", text)
        if self._reported.get(who) != key:
            self._reported[who] = key
            self._say(who, text)


def say_event(who: str, text: str) -> None:
    """Print one line: time, who, what. A terminal that was closed does not keep an arm from being stopped."""
    with contextlib.suppress(OSError):
        print(f"{time.strftime('%H:%M:%S')}  {who:<12}  {text}", flush=True)
