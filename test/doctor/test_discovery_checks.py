# SPDX-License-Identifier: Apache-2.0
"""Discovery is tried with two real participants, and the variables that widen or prevent it are named."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from molmoact2_ros.doctor.discovery_checks import check_discovery

SERVER = {"ROS_DISCOVERY_SERVER": "127.0.0.1:11911"}
PROBE = "from molmoact2_ros.doctor.discovery_checks import probe_discovery as p; print(p(float({patience})))"


def _probe(patience_s: float, **variables: str) -> str:
    """Probe in a process of its own, for the middleware reads its environment once."""
    environment = os.environ | {"ROS_DOMAIN_ID": "44"} | variables
    command = [sys.executable, "-c", PROBE.format(patience=patience_s)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@pytest.mark.node
def test_two_participants_find_each_other() -> None:
    assert float(_probe(60.0)) > 0.0


@pytest.mark.node
def test_behind_a_server_that_does_not_run_they_do_not() -> None:
    assert _probe(2.0, **SERVER) == "None"


def test_nodes_that_do_not_find_each_other_fail_with_the_variables_that_can_cause_it() -> None:
    (check,) = check_discovery(None, SERVER, SERVER)
    assert (check.name, check.status) == ("discovery", "failed")
    assert "ROS_DISCOVERY_SERVER=127.0.0.1:11911" in check.found


@pytest.mark.parametrize(
    ("inside", "outside", "expected"),
    [
        ({}, {}, [("discovery", "ok")]),
        (SERVER, SERVER, [("discovery", "warning")]),
        ({}, SERVER, [("discovery", "ok"), ("discovery by launch", "warning")]),
        ({}, {"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}, [("discovery", "ok"), ("discovery by launch", "failed")]),
        ({}, {"ROS_LOCALHOST_ONLY": "1"}, [("discovery", "ok")]),
        ({}, {"ROS_LOCALHOST_ONLY": "1", "ROS_STATIC_PEERS": "10.0.0.2"},
         [("discovery", "ok"), ("discovery range", "warning")]),
    ],
)  # fmt: skip
def test_variables_are_judged_for_commands_and_for_launch(
    inside: dict[str, str], outside: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    assert [(check.name, check.status) for check in check_discovery(0.3, inside, outside)] == expected
