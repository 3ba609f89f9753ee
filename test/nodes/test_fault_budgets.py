# SPDX-License-Identifier: Apache-2.0
"""The budgets of the faults' list rest on what the nodes really run with. Needs the messages; starts nothing."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from molmoact2_ros.fault_injection.catalogue import allowances
from molmoact2_ros.nodes.bridge_node import PUBLISHERS_PERIOD_NS, WATCH_RATE_HZ, BridgeParams
from molmoact2_ros.nodes.perception_node import PerceptionParams
from molmoact2_ros.nodes.safety_node import PUBLISHERS_PERIOD_S
from molmoact2_ros.nodes.simulated_faults import RATE_HZ


def test_the_times_that_budgets_are_made_of_are_those_of_the_nodes() -> None:
    assert BridgeParams().safety_timeout_s == allowances.SAFETY_TIMEOUT_S
    assert 1.0 / PerceptionParams().heartbeat_rate_hz == pytest.approx(allowances.PERCEPTION_HEARTBEAT_S)
    assert allowances.PUBLISHERS_PERIOD_S == PUBLISHERS_PERIOD_S == PUBLISHERS_PERIOD_NS / 1e9
    assert allowances.FAULT_PERIOD_S == 1.0 / RATE_HZ
    assert allowances.BRIDGE_LOOK_S >= 2.0 / WATCH_RATE_HZ
