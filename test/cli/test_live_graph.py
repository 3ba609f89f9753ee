# SPDX-License-Identifier: Apache-2.0
"""A graph under care: what it does when it is not alone."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from molmoact2_ros.cli import live_graph
from molmoact2_ros.cli.live_graph import LiveGraph

pytestmark = pytest.mark.node


class _Operator:
    """What LiveGraph asks of an OperatorClient while nothing has been heard yet."""

    safety = bridge = perception = None

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def spin_for(self, seconds: float) -> None:
        pass

    def nodes_now(self) -> list[str]:
        return self.names


def _started(tmp_path: Path, names: list[str]) -> LiveGraph:
    live = LiveGraph(_Operator(names), tmp_path, lambda who, text: None)
    live.start([])
    return live


def test_a_graph_that_discovery_finds_late_is_refused_all_the_same(tmp_path: Path) -> None:
    live = _started(tmp_path, ["bridge", "policy", "bridge", "safety", "policy"])
    with pytest.raises(ValueError, match="another graph runs in this ROS domain: bridge, policy; stop it"):
        live.poll()


def test_a_graph_that_started_long_ago_is_not_ended_by_one_that_comes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_graph, "START_UP_S", 0.0)
    assert _started(tmp_path, ["bridge", "bridge"]).poll() == []
