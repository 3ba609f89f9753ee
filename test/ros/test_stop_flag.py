# SPDX-License-Identifier: Apache-2.0
"""Signals become a flag, and a KeyboardInterrupt only where it is asked for. No ROS."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from molmoact2_ros.ros.stop_flag import SIGNALS, StopFlag


@pytest.fixture
def flag() -> Iterator[StopFlag]:
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where the tests run under nohup
    made = StopFlag()
    yield made
    made.restore()
    signal.signal(signal.SIGHUP, hangup)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_raises_nothing_until_it_is_asked_for_and_then_once(flag: StopFlag, number: int) -> None:
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), number)
    assert flag.requested
    with pytest.raises(KeyboardInterrupt):
        flag.raise_once()
    flag.raise_once()


def test_a_way_out_that_has_begun_is_not_interrupted(flag: StopFlag) -> None:
    flag.raise_no_more()
    os.kill(os.getpid(), signal.SIGINT)
    flag.raise_once()


def test_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    StopFlag().restore()
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_hangup_that_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    flag = StopFlag()
    try:
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        flag.restore()
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread_the_flag_stays_down() -> None:
    made: list[StopFlag] = []
    thread = threading.Thread(target=lambda: made.append(StopFlag()))
    thread.start()
    thread.join()
    assert not made[0].requested
