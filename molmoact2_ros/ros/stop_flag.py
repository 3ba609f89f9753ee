# SPDX-License-Identifier: Apache-2.0
"""SIGINT, SIGTERM and SIGHUP as a flag: a program that has an arm to stop looks at it between two calls.

A KeyboardInterrupt may be raised inside any call. Inside the code that turns bytes into a message it becomes another
exception (https://github.com/ros2/rclpy/issues/95), and what was to stop the arm first is skipped. No ROS.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIGNAL_POLL_S = 0.1  # nothing that waits for ROS is woken by a signal: wait no longer than this at once


class StopFlag:
    """Remember that a signal came, also where a shell started this process with SIGINT ignored, in the background.

    SIGHUP (the terminal was closed) stays ignored where `nohup` has it ignored.
    """

    def __init__(self) -> None:
        """Take the signals; outside the main thread Python does not allow it, and the flag stays down."""
        self.requested = False
        self._raised = False
        self._before: dict[int, Any] = {}
        if threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue
            self._before[number] = signal.signal(number, self._request)

    def raise_once(self) -> None:
        """Raise KeyboardInterrupt, here and now, if a signal came; never twice: the way out is not interrupted."""
        if self.requested and not self._raised:
            self._raised = True
            raise KeyboardInterrupt

    def raise_no_more(self) -> None:
        """Raise nothing from now on: the way out has begun for another reason."""
        self._raised = True

    def ignore_more(self) -> None:
        """Let nothing interrupt the way out; without this, Python restores the deadly defaults as it ends."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)

    def restore(self) -> None:
        """Restore the handlers that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _request(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
