# SPDX-License-Identifier: Apache-2.0
"""What a command makes of its environment before ROS starts in it, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from molmoact2_ros.bringup.dds_profile import PROFILE_VARIABLE, shipped_profile

pytestmark = pytest.mark.node

ENTER = """
import argparse, json, os, sys
from molmoact2_ros.bringup import ros_environment
ros_environment.enter(argparse.Namespace(domain_id=45, network=sys.argv[1] == "network"))
print(json.dumps(dict(os.environ)))
"""
SERVER = {"ROS_DISCOVERY_SERVER": "127.0.0.1:11811", "ROS_SUPER_CLIENT": "TRUE", "ROS_STATIC_PEERS": "10.0.0.2"}


def _enter(reach: str, **variables: str) -> tuple[dict[str, str], str]:
    """Return the environment that comes out, and what was said."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("ROS_", "RMW_", "FAST"))}
    command = [sys.executable, "-c", ENTER, reach]
    ended = subprocess.run(command, env=plain | variables, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout), ended.stderr


def test_a_graph_of_this_machine_is_out_of_reach_of_a_discovery_server() -> None:
    environment, said = _enter("", **SERVER, FASTDDS_ENVIRONMENT_FILE="/lab.json", ROS_LOCALHOST_ONLY="1")
    assert set(environment).isdisjoint({*SERVER, "FASTDDS_ENVIRONMENT_FILE", "ROS_LOCALHOST_ONLY"})
    assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "SYSTEM_DEFAULT"
    assert environment[PROFILE_VARIABLE] == str(shipped_profile(local=True))
    assert said.count("\n") == 1
    assert "ROS_DISCOVERY_SERVER" in said


def test_with_network_a_discovery_server_is_kept_and_said_to_join_domains() -> None:
    environment, said = _enter("network", **SERVER)
    assert SERVER.items() <= environment.items()
    assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "SUBNET"
    assert said.startswith("note: ROS_DISCOVERY_SERVER=127.0.0.1:11811: ROS domains do not separate graphs")


def test_a_lab_s_own_profile_is_kept_and_the_range_keeps_the_graph_here() -> None:
    environment, said = _enter("", **{PROFILE_VARIABLE: "/lab/profile.xml"})
    assert environment[PROFILE_VARIABLE] == "/lab/profile.xml"
    assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert said == ""
