# SPDX-License-Identifier: Apache-2.0
"""A worker thread behind a mailbox with one slot: the newest item wins, nothing queues."""

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
