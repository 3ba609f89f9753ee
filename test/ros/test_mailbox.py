# SPDX-License-Identifier: Apache-2.0
"""The mailbox never queues and never blocks its sender."""

from __future__ import annotations

import threading

from molmoact2_ros.ros.mailbox import Mailbox


def test_mailbox_gives_the_worker_the_newest_item_and_counts_the_ones_overtaken() -> None:
    begun, go_on, seen = threading.Event(), threading.Event(), []

    def work(item: int) -> None:
        begun.set()
        go_on.wait(5)
        seen.append(item)

    mailbox = Mailbox(work)
    mailbox.put(1)
    assert begun.wait(5)
    for item in (2, 3, 4):
        mailbox.put(item)
    begun.clear()
    go_on.set()
    assert begun.wait(5)
    mailbox.close()
    assert (seen, mailbox.dropped) == ([1, 4], 2)


def test_mailbox_closes_while_it_is_idle() -> None:
    mailbox: Mailbox[int] = Mailbox(print)
    mailbox.close()
    assert mailbox.dropped == 0
