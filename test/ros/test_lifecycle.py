# SPDX-License-Identifier: Apache-2.0
"""What every node has from its base: parameters that explain themselves, a configure that fails in a sentence."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

rclpy = pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")

from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from molmoact2_ros.ros import lifecycle
from molmoact2_ros.ros.lifecycle import OK, Molmoact2Node, Report, run
from molmoact2_ros.schema import param

pytestmark = pytest.mark.node

STARTED = "the example works"


@dataclass(frozen=True)
class ExampleParams:
    rate_hz: float = param(15.0, "How often it works", unit="Hz", low=1, high=100)
    robot: str = param("droid", "Which robot")
    roles: tuple[str, ...] = param(("left", "right"), "Which cameras")


class ExampleNode(Molmoact2Node[ExampleParams]):
    """A node with an entity of each kind; `fails_in` names the hooks in which it fails."""

    def __init__(self, *, realtime: bool = False) -> None:
        super().__init__("example", ExampleParams, realtime=realtime)
        self.events: list[str] = []
        self.fails_in: set[str] = set()

    def _setup(self) -> None:
        self.events.append("setup")
        self.owned.callback(self._close)
        self.publisher(Bool, "example", 1)
        self.subscription(Bool, "example", lambda _: None, 1)
        self.service(Trigger, "~/example", lambda _, response: response)
        self.client(Trigger, "example")
        self.guard(lambda: None)
        self.steady_timer(1.0, lambda: None)
        if self.params.robot == "broken":
            raise ValueError("robot 'broken' is not known: choose another")
        self._note("configure")

    def _activated(self) -> None:
        self.events.append("activated")
        self._note("activate")
        self.get_logger().info(STARTED)

    def _deactivating(self) -> None:
        self.events.append(f"deactivating, active is {self.active}")
        self._note("deactivate")

    def _close(self) -> None:
        self.events.append("closed")
        self._note("close")

    def _note(self, hook: str) -> None:
        if hook in self.fails_in:
            raise KeyError(f"a mistake of ours in {hook}")

    def _report(self) -> list[Report]:
        return [("all", OK, "fine", {"events": len(self.events)})]


def _node(*arguments: str, realtime: bool = False) -> ExampleNode:
    rclpy.init(args=["--ros-args", *(part for argument in arguments for part in ("-p", argument))])
    return ExampleNode(realtime=realtime)


def test_parameters_arrive_as_one_dataclass(ros_domain: int) -> None:
    node = _node("rate_hz:=30.0", "roles:=[top]")
    assert node.params == ExampleParams(rate_hz=30.0, roles=("top",))


@pytest.mark.parametrize("value", ["0.5", "101.0", "fast"])
def test_a_parameter_out_of_range_or_type_is_refused_with_its_meaning_and_range(ros_domain: int, value: str) -> None:
    with pytest.raises(ValueError, match=r"rate_hz \(How often it works \[Hz\]\): expected .* from 1 to 100"):
        _node(f"rate_hz:={value}")


def test_a_parameter_is_described_and_cannot_change_at_run_time(ros_domain: int) -> None:
    node = _node()
    assert node.describe_parameter("rate_hz").description == "How often it works [Hz]"
    assert not node.set_parameters([Parameter("rate_hz", value=20.0)])[0].successful


def test_the_hooks_run_in_order_and_what_moves_stops_before_the_node_is_inactive(ros_domain: int) -> None:
    node = _node()
    assert node.autostart()
    node.trigger_shutdown()
    assert node.events == ["setup", "activated", "deactivating, active is True", "closed"]


def test_a_configure_that_fails_leaves_one_sentence_and_closes_what_it_had(ros_domain: int) -> None:
    node = _node("robot:=broken")
    assert not node.autostart()
    assert node.failure == "robot 'broken' is not known: choose another"
    assert node.events == ["setup", "closed"]


FAILING = {  # in which transition what fails, and in which state the node is then
    "configure": ({"configure"}, "unconfigured"),
    "activate": ({"activate"}, "unconfigured"),
    "deactivate": ({"deactivate"}, "unconfigured"),
    "cleanup": ({"close"}, "unconfigured"),
    "shutdown": ({"deactivate", "close"}, "finalized"),
    "error": ({"activate", "deactivate", "close"}, "unconfigured"),
}


@pytest.mark.parametrize("transition", FAILING)
def test_exception_in_a_transition_is_logged_with_traceback_and_leaves_a_clean_node(
    ros_domain: int, capfd: pytest.CaptureFixture[str], transition: str
) -> None:
    from fakes.lifecycle_manager import belongings, lifecycle_manager  # not when this file runs as a node

    node, executor = _node("autostart:=false"), SingleThreadedExecutor()
    executor.add_node(node)
    before = belongings(node)
    node.fails_in, state = FAILING[transition]
    with lifecycle_manager(node, executor) as manager:
        for step in ("configure", "activate", "shutdown" if transition == "shutdown" else "deactivate", "cleanup"):
            if not manager.change(step):
                break
        assert manager.state() == state
        assert belongings(node) == before
        assert not node.active
        logged = capfd.readouterr().err
        assert "Traceback (most recent call last)" in logged
        for hook in node.fails_in:
            assert f"a mistake of ours in {hook}" in logged
        if state == "unconfigured":
            node.fails_in = set()
            assert manager.change("configure")
            assert manager.change("activate")
    executor.shutdown()


def test_a_node_that_was_never_configured_keeps_its_lifecycle_services_when_it_shuts_down(ros_domain: int) -> None:
    node = _node("autostart:=false")
    services = len(list(node.services))
    node.trigger_shutdown()
    assert len(list(node.services)) == services


def test_an_exception_at_the_start_is_the_failure_of_the_process(ros_domain: int) -> None:
    node = _node()
    node.fails_in = {"activate"}
    assert not node.autostart()
    assert "KeyError" in node.failure


def test_the_clock_of_simulated_time_survives_a_cleanup(ros_domain: int) -> None:
    node = _node()
    assert node.autostart()
    node.set_parameters([Parameter("use_sim_time", value=True)])
    for transition in ("deactivate", "cleanup", "configure"):
        getattr(node, f"trigger_{transition}")()
    assert [each.topic_name for each in node.subscriptions if each.topic_name == "/clock"] == ["/clock"]


def test_ages_follow_the_steady_clock_and_timers_fire_while_simulated_time_stands_still(ros_domain: int) -> None:
    node = _node("use_sim_time:=true")
    assert node.autostart()
    fired: list[int] = []
    node.steady_timer(0.01, lambda: fired.append(node.steady_now_ns()))
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while len(fired) < 3:
        executor.spin_once(timeout_sec=1.0)
    executor.shutdown()
    assert fired[0] < fired[1] < fired[2]
    assert node.ros_now_ns() == 0


@pytest.mark.parametrize(
    ("realtime", "arguments", "asked"),
    [(True, [], [20]), (True, ["realtime_priority:=35"], [35]), (True, ["realtime_priority:=0"], []), (False, [], [])],
)
def test_real_time_priority_is_for_nodes_that_commands_pass_through(
    ros_domain: int, monkeypatch: pytest.MonkeyPatch, realtime: bool, arguments: list[str], asked: list[int]
) -> None:
    found: list[int] = []
    monkeypatch.setattr(lifecycle, "take_priority", lambda priority: found.append(priority) or "")
    node = _node(*arguments, realtime=realtime)
    assert node.has_parameter("realtime_priority") == realtime
    node.take_priority()
    assert found == asked


def test_a_node_without_autostart_waits_to_be_configured(ros_domain: int) -> None:
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
def test_a_process_that_cannot_start_ends_with_status_2_and_one_sentence(
    ros_domain: int, argument: str, words: str
) -> None:
    ended = _run_as_process(__file__, "-p", argument)
    assert ended.returncode == 2
    assert any(line.startswith(words) for line in ended.stderr.splitlines())
    assert "Traceback" not in ended.stderr


def test_a_process_that_is_signalled_twice_ends_as_if_signalled_once(ros_domain: int) -> None:
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
