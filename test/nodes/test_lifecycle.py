# SPDX-License-Identifier: Apache-2.0
"""What every node has from its base: parameters that explain themselves, a configure that fails in a sentence."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

rclpy = pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from rclpy.parameter import Parameter

from molmoact2_ros.nodes import lifecycle
from molmoact2_ros.nodes.lifecycle import OK, Molmoact2Node, Report, run
from molmoact2_ros.nodes.parameters import param

pytestmark = pytest.mark.node

STARTED = "the example works"


@dataclass(frozen=True)
class ExampleParams:
    rate_hz: float = param(15.0, "How often it works", unit="Hz", low=1, high=100)
    robot: str = param("droid", "Which robot")
    roles: tuple[str, ...] = param(("left", "right"), "Which cameras")


class ExampleNode(Molmoact2Node[ExampleParams]):
    def __init__(self, *, realtime: bool = False) -> None:
        super().__init__("example", ExampleParams, realtime=realtime)
        self.events: list[str] = []

    def _setup(self) -> None:
        self.events.append("setup")
        if self.params.robot == "broken":
            raise ValueError("robot 'broken' is not known: choose another")
        if self.params.robot == "mistake":
            raise KeyError("a mistake of ours")

    def _activated(self) -> None:
        self.events.append("activated")
        self.get_logger().info(STARTED)

    def _deactivating(self) -> None:
        self.events.append(f"deactivating, active is {self.active}")

    def _teardown(self) -> None:
        self.events.append("teardown")

    def _report(self) -> list[Report]:
        return [("all", OK, "fine", {"events": len(self.events)})]


@pytest.fixture
def ros(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ROS_DOMAIN_ID", "75")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    yield
    rclpy.try_shutdown()


def _node(*arguments: str, realtime: bool = False) -> ExampleNode:
    rclpy.init(args=["--ros-args", *(part for argument in arguments for part in ("-p", argument))])
    return ExampleNode(realtime=realtime)


def test_parameters_arrive_as_one_dataclass(ros: None) -> None:
    node = _node("rate_hz:=30.0", "roles:=[top]")
    assert node.params == ExampleParams(rate_hz=30.0, roles=("top",))


@pytest.mark.parametrize("value", ["0.5", "101.0", "fast"])
def test_a_parameter_out_of_range_or_type_is_refused_with_its_meaning_and_range(ros: None, value: str) -> None:
    with pytest.raises(ValueError, match=r"rate_hz \(How often it works \[Hz\]\): expected .* from 1 to 100"):
        _node(f"rate_hz:={value}")


def test_a_parameter_is_described_and_cannot_change_at_run_time(ros: None) -> None:
    node = _node()
    assert node.describe_parameter("rate_hz").description == "How often it works [Hz]"
    assert not node.set_parameters([Parameter("rate_hz", value=20.0)])[0].successful


def test_the_hooks_run_in_order_and_what_moves_stops_before_the_node_is_inactive(ros: None) -> None:
    node = _node()
    assert node.autostart()
    node.trigger_shutdown()
    assert node.events == ["setup", "activated", "deactivating, active is True", "teardown"]


def test_a_configure_that_fails_leaves_one_sentence_and_is_torn_down(ros: None) -> None:
    node = _node("robot:=broken")
    assert not node.autostart()
    assert node.failure == "robot 'broken' is not known: choose another"
    assert node.events == ["setup", "teardown"]


def test_a_mistake_of_ours_while_configuring_keeps_its_traceback(ros: None) -> None:
    node = _node("robot:=mistake")
    assert not node.autostart()
    assert "KeyError" in node.failure


@pytest.mark.parametrize(
    ("realtime", "arguments", "asked"),
    [(True, [], [20]), (True, ["realtime_priority:=35"], [35]), (True, ["realtime_priority:=0"], []), (False, [], [])],
)
def test_real_time_priority_is_for_nodes_that_commands_pass_through(
    ros: None, monkeypatch: pytest.MonkeyPatch, realtime: bool, arguments: list[str], asked: list[int]
) -> None:
    found: list[int] = []
    monkeypatch.setattr(lifecycle, "take_priority", lambda priority: found.append(priority) or "")
    node = _node(*arguments, realtime=realtime)
    assert node.has_parameter("realtime_priority") == realtime
    node.take_priority()
    assert found == asked


def test_a_node_without_autostart_waits_to_be_configured(ros: None) -> None:
    node = _node("autostart:=false")
    assert node.autostart()
    assert node.events == []


def _run_as_process(tmp_path_script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, tmp_path_script, "--ros-args", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("robot:=broken", "error: robot 'broken' is not known"),
        ("rate_hz:=0.1", "error: example: parameter rate_hz"),
        ("autostart:=maybe", "error: example: parameter autostart"),
        ("nothing", "error: failed to initialize rcl: Couldn't parse parameter override rule: '-p nothing'"),
    ],
)
def test_a_process_that_cannot_start_ends_with_status_2_and_one_sentence(ros: None, argument: str, words: str) -> None:
    ended = _run_as_process(__file__, "-p", argument)
    assert ended.returncode == 2
    assert any(line.startswith(words) for line in ended.stderr.splitlines())
    assert "Traceback" not in ended.stderr


def test_a_process_that_is_told_twice_to_end_ends_as_if_told_once(ros: None) -> None:
    process = subprocess.Popen([sys.executable, __file__], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:  # its first words come once it has been activated
        if STARTED in line:
            break
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    assert process.returncode == 0


if __name__ == "__main__":
    sys.exit(run(ExampleNode))
