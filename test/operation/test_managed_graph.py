# SPDX-License-Identifier: Apache-2.0
"""A graph under care: what it does when it is not alone."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from molmoact2_ros.cli import up
from molmoact2_ros.msg import SafetyState
from molmoact2_ros.operation import managed_graph
from molmoact2_ros.operation.managed_graph import ManagedGraph

pytestmark = pytest.mark.node


class _Operator:
    """What ManagedGraph asks of an OperatorClient while nothing has been received yet."""

    safety = bridge = perception = member = None
    may_have_armed = stands_still = False

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def spin_for(self, seconds: float) -> None:
        pass

    def finish_uninterrupted(self) -> None:
        pass

    def nodes_now(self) -> list[str]:
        return self.names


def _started(tmp_path: Path, names: list[str]) -> ManagedGraph:
    live = ManagedGraph(_Operator(names), tmp_path, lambda who, text: None)
    live.start([])
    return live


def test_a_graph_that_discovery_finds_late_is_refused_all_the_same(tmp_path: Path) -> None:
    live = _started(tmp_path, ["bridge", "policy", "bridge", "safety", "policy"])
    with pytest.raises(ValueError, match="another graph runs in this ROS domain: bridge, policy; stop it"):
        live.poll()


def test_a_graph_that_started_long_ago_is_not_ended_by_one_that_comes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managed_graph, "START_UP_S", 0.0)
    assert _started(tmp_path, ["bridge", "bridge"]).poll() == []


def _armed(tmp_path: Path, said: list[str]) -> tuple[ManagedGraph, list[str]]:
    """Return a graph whose safety is armed, and what is done to it."""
    done: list[str] = []
    operator = _Operator(["safety"])
    operator.safety = SafetyState(mode=SafetyState.ARMED)
    operator.ask_safety = lambda what: (done.append(what) is None, "")
    operator.wait_for = lambda condition, seconds: done.append("standstill") is None
    live = ManagedGraph(operator, tmp_path, lambda who, text: said.append(text))
    live.start([])
    said.clear()
    live.supervisor.running = lambda: [] if "end" in done else ["safety"]
    live.supervisor.stop = lambda: done.append("end")
    return live, done


def test_a_graph_ends_by_stopping_the_arm_waiting_for_standstill_and_only_then_its_nodes(tmp_path: Path) -> None:
    live, done = _armed(tmp_path, [])
    live.end()
    assert done == ["stop", "standstill", "end"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("another graph"), BrokenPipeError()])
def test_up_stops_the_arm_first_whatever_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    live, done = _armed(tmp_path, [])

    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(up, "_watch", fail)
    if isinstance(error, KeyboardInterrupt):
        assert up.watch_over(live, Namespace()) == 0
    else:
        with pytest.raises(type(error)):
            up.watch_over(live, Namespace())
    assert done == ["stop", "standstill", "end"]


def test_an_arm_call_whose_answer_is_on_its_way_is_followed_by_a_stop(tmp_path: Path) -> None:
    live, done = _armed(tmp_path, [])
    live.client.safety, live.client.may_have_armed = SafetyState(mode=SafetyState.DISARMED), True
    live.end()
    assert done == ["stop", "standstill", "end"]


def test_nodes_that_run_and_are_not_visible_are_said_once_with_what_can_cause_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    live, _ = _armed(tmp_path, said)
    live.client.safety, live.client.names = None, []
    monkeypatch.setattr(managed_graph, "INVISIBLE_S", 0.0)
    monkeypatch.setenv("ROS_DISCOVERY_SERVER", "127.0.0.1:11811")
    live.poll()
    live.poll()
    assert len(said) == 1
    assert said[0].startswith("running, but not visible after")
    assert "safety; it may be for ROS_DISCOVERY_SERVER=127.0.0.1:11811" in said[0]


def test_a_node_that_still_starts_while_others_are_visible_is_no_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    live, _ = _armed(tmp_path, said)
    live.client.safety = None
    live.supervisor.running = lambda: ["policy", "safety"]
    monkeypatch.setattr(managed_graph, "INVISIBLE_S", 0.0)
    live.poll()
    assert said == []
