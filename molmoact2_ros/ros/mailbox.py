# SPDX-License-Identifier: Apache-2.0
"""A mailbox with one slot before a worker: the newest item wins, nothing queues."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Run `work` on the newest item in a thread of its own, one at a time.

    `put` never blocks; an item that is overtaken before the worker is free is dropped and counted.
    """

    def __init__(self, work: Callable[[Item], None]) -> None:
        """Start the thread; `work` must not raise."""
        self._work = work
        self._slot: Item | None = None
        self._closed = False
        self._changed = threading.Condition()  # guards the three above
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Hand over an item; replaces one that still waits."""
        with self._changed:
            self.dropped += self._slot is not None
            self._slot = item
            self._changed.notify()

    def close(self) -> None:
        """Finish the item at work, drop the one that waits, end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._slot is not None or self._closed)
                if self._closed:
                    return
                item, self._slot = self._slot, None
            assert item is not None
            self._work(item)


class SimulatedMailbox(Generic[Item]):
    """The same on a time that is handed in: work is done at once, and its outcome comes when it would have."""

    def __init__(
        self,
        work: Callable[[Item, int], None],
        finished: Callable[[], None],
        latency_ns: Callable[[], int],
        at: Callable[[int, Callable[[], None]], None],
    ) -> None:
        """Begin with nothing.

        Args:
            work: takes an item, and the time at which its outcome comes, ns.
            finished: called at that time.
            latency_ns: what the next item takes, ns.
            at: calls back at a time, ns.
        """
        self._work, self._finished, self._latency_ns, self._at = work, finished, latency_ns, at
        self._slot: Item | None = None
        self._is_busy = False
        self.dropped = 0

    def put(self, item: Item, now_ns: int) -> None:
        """Hand over an item; replaces one that still waits."""
        if self._is_busy:
            self.dropped += self._slot is not None
            self._slot = item
            return
        self._is_busy = True
        done_ns = now_ns + self._latency_ns()
        self._work(item, done_ns)
        self._at(done_ns, lambda: self._end(done_ns))

    def _end(self, now_ns: int) -> None:
        self._is_busy = False
        self._finished()
        item, self._slot = self._slot, None
        if item is not None:
            self.put(item, now_ns)
