# SPDX-License-Identifier: Apache-2.0
"""Real-time priority: every thread gets it where the user may, and a refusal is reported, not raised. Needs no ROS but
for the nodes that take it, whose matrix library starts no threads."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from molmoact2_ros.ros import realtime

ASK = """
import os, threading
from molmoact2_ros.ros.realtime import take_priority

def policies():
    return {os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")}

stay = threading.Event()
threading.Thread(target=stay.wait, daemon=True).start()
problem = take_priority(1)
threading.Thread(target=stay.wait, daemon=True).start()
print(problem or policies() == {os.SCHED_FIFO})
"""


MULTIPLY = """
import importlib, sys, time
importlib.import_module(f"molmoact2_ros.nodes.{sys.argv[1]}_node")
import numpy as np
matrix = np.ones((1500, 1500))
own_s, all_s = time.thread_time(), time.process_time()
matrix @ matrix @ matrix
own_s, all_s = time.thread_time() - own_s, time.process_time() - all_s
print(all_s < 1.1 * own_s)
"""


def test_threads_that_are_there_and_those_to_come_get_it() -> None:
    """In a process of its own; where the user may not, the reason is said instead."""
    said = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True).stdout.strip()
    assert said in ("True", "this user may not take it")


def test_a_user_who_may_not_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    assert realtime.take_priority(20) == "this user may not take it"


def test_a_system_without_real_time_scheduling_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setscheduler")
    assert realtime.take_priority(20) == "this system has no real-time scheduling"


def test_a_thread_that_ends_meanwhile_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(os, "sched_setscheduler", gone)
    assert realtime.take_priority(20) == ""


def test_a_system_that_refuses_the_call_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    assert realtime.take_priority(20) == "this system does not give it ([Errno 22] Invalid argument)"


@pytest.mark.node
@pytest.mark.parametrize("node", ["bridge", "safety", "interpolator"])
def test_a_real_time_process_multiplies_matrices_in_one_thread_whatever_the_shell_asks_for(node: str) -> None:
    pytest.importorskip("rclpy", reason="needs ROS 2")
    shell = {**os.environ, "OPENBLAS_NUM_THREADS": "4", "OMP_NUM_THREADS": "4"}
    command = [sys.executable, "-c", MULTIPLY, node]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env=shell).stdout.strip() == "True"
