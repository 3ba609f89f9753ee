# SPDX-License-Identifier: Apache-2.0
"""Pins what the launch files turn the node list into, with the real launch and launch_ros (which have no wheels)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch_ros", reason="needs launch_ros: apt install ros-jazzy-launch-ros")

from launch import LaunchContext, LaunchDescription, LaunchService
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    SetEnvironmentVariable,
    UnsetEnvironmentVariable,
)
from launch.events.process import ProcessExited
from launch.launch_description_sources import AnyLaunchDescriptionSource
from launch.utilities import perform_substitutions
from launch_ros.actions import Node
from launch_ros.utilities import evaluate_parameters

from molmoact2_ros.bringup import launch_description
from molmoact2_ros.bringup.dds_profile import PROFILE_VARIABLE
from molmoact2_ros.bringup.graph import GRAPH_ARGUMENTS, NODE_NAMES, graph
from molmoact2_ros.bringup.launch_description import BRAKE_TIME_S, robot_launch_description

LAUNCH_FILES = sorted((Path(__file__).parents[2] / "launch").glob("*.launch.py"))
CHECKPOINT = str(Path(__file__).parents[1] / "data" / "parity" / "tiny_base")
ENVIRONMENT = (
    *(PROFILE_VARIABLE, "ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOCALHOST_ONLY", "ROS_STATIC_PEERS"),
    *("ROS_DISCOVERY_SERVER", "RMW_IMPLEMENTATION"),
)
DEFAULTS = {argument.name: argument.default for argument in GRAPH_ARGUMENTS} | {"checkpoint": CHECKPOINT}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


def _exit(status: int) -> ProcessExited:
    return ProcessExited(action=None, name="", cmd=[], cwd=None, env=None, pid=1, returncode=status)


def _load(path: Path) -> LaunchDescription:
    spec = importlib.util.spec_from_file_location(path.name.partition(".")[0], path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


def _nodes(**arguments: str) -> tuple[LaunchContext, list[Node]]:
    context = LaunchContext()
    context.launch_configurations.update(DEFAULTS | {"embodiment": "droid", "namespace": ""} | arguments)
    (function,) = (e for e in robot_launch_description("droid").entities if isinstance(e, OpaqueFunction))
    return context, list(function.execute(context) or [])


def _parameters(context: LaunchContext, node: Node) -> dict[str, Any]:
    (parameters,) = evaluate_parameters(context, node._Node__parameters)
    return dict(parameters)


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_launch_file_declares_every_argument_with_its_meaning(path: Path) -> None:
    declared = {e.name: e for e in _load(path).entities if isinstance(e, DeclareLaunchArgument)}
    assert list(declared) == ["embodiment", "namespace", *(argument.name for argument in GRAPH_ARGUMENTS)]
    for argument in GRAPH_ARGUMENTS:
        assert declared[argument.name].description.startswith(argument.description)
        assert tuple(declared[argument.name].choices or ()) == argument.choices


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_launch_file_starts_the_robot_of_its_name(path: Path) -> None:
    (embodiment,) = (e for e in _load(path).entities if isinstance(e, DeclareLaunchArgument) and e.name == "embodiment")
    assert perform_substitutions(LaunchContext(), embodiment.default_value) == path.name.removesuffix(".launch.py")


@pytest.mark.parametrize("sim", ["true", "false"])
def test_launch_starts_the_nodes_of_the_graph_with_their_parameters(sim: str) -> None:
    context, nodes = _nodes(sim=sim, instruction="lift the cup")
    expected = {spec.name: spec for spec in graph("droid", DEFAULTS | {"sim": sim, "instruction": "lift the cup"})}
    assert [node.node_executable for node in nodes] == list(expected)
    for node in nodes:
        assert _parameters(context, node) == dict(expected[node.node_executable].parameters)


def test_launch_starts_the_chosen_nodes_by_the_lab_s_topics() -> None:
    context, nodes = _nodes(only="perception", remap="camera/external/image:=/zed/left/image")
    (perception,) = nodes
    (pair,) = perception._Node__remappings
    assert perception.node_executable == "perception"
    assert [perform_substitutions(context, list(side)) for side in pair] == ["camera/external/image", "/zed/left/image"]


@pytest.mark.parametrize("instruction", ["1", "true", "pick up: the cup", "", "[a, b]"])
def test_instruction_stays_text(instruction: str) -> None:
    context, nodes = _nodes(instruction=instruction)
    (task,) = (node for node in nodes if node.node_executable == "task")
    assert _parameters(context, task)["instruction"] == instruction


def _reactions(context: LaunchContext, nodes: list[Node], status: int) -> dict[str, list[Any]]:
    return {node.node_executable: node._ExecuteLocal__on_exit(_exit(status), context) for node in nodes}


@pytest.mark.parametrize(
    ("status", "ending"), [(1, {"safety"}), (-9, {"safety"}), (2, {*NODE_NAMES} - {"depth_viewer"})]
)
def test_the_end_of_safety_and_a_node_that_refused_its_input_end_the_launch_after_time_to_brake(
    status: int, ending: set[str]
) -> None:
    context, nodes = _nodes(sim="true")
    reactions = {name: actions for name, actions in _reactions(context, nodes, status).items() if actions}
    assert set(reactions) == ending
    for name, (timer,) in reactions.items():
        assert timer.period == BRAKE_TIME_S
        with pytest.raises(RuntimeError, match=f"{name} refused" if status == 2 else "the safety node ended"):
            timer.actions[0].execute(context)


def test_a_launch_that_ends_anyway_does_not_wait_for_a_brake() -> None:
    context, nodes = _nodes(sim="true")
    context._set_is_shutdown(True)
    assert not any(_reactions(context, nodes, 2).values())


# The environment.


def _environment() -> tuple[dict[str, str], list[str], list[str]]:
    """Return what the description sets, unsets and says."""
    context, entities = LaunchContext(), robot_launch_description("droid").entities
    set_ = {
        perform_substitutions(context, each.name): perform_substitutions(context, each.value)
        for each in entities
        if isinstance(each, SetEnvironmentVariable)
    }
    unset = [perform_substitutions(context, e.name) for e in entities if isinstance(e, UnsetEnvironmentVariable)]
    said = [perform_substitutions(context, each.msg) for each in entities if isinstance(each, LogInfo)]
    return set_, unset, said


def test_dds_profile_is_loaded_unless_the_lab_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    set_, unset, said = _environment()
    assert {name: Path(value).name for name, value in set_.items()} == {PROFILE_VARIABLE: "fastdds_profile.xml"}
    assert (unset, said) == ([], [])
    monkeypatch.setenv(PROFILE_VARIABLE, "/lab/profile.xml")
    assert _environment() == ({}, [], [])


@pytest.mark.parametrize(
    ("name", "value"), [("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"), ("ROS_LOCALHOST_ONLY", "1")]
)
def test_a_graph_that_localhost_would_keep_here_is_kept_here_by_its_profile(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    set_, unset, said = _environment()
    assert set_["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "SYSTEM_DEFAULT"
    assert Path(set_[PROFILE_VARIABLE]).name == "fastdds_local_profile.xml"
    assert (unset, said) == (["ROS_LOCALHOST_ONLY"], [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (PROFILE_VARIABLE, "/lab/profile.xml"),
        ("ROS_STATIC_PEERS", "10.0.0.2"),
        ("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp"),
    ],
)
def test_localhost_that_cannot_be_replaced_is_said(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv(name, value)
    set_, _, said = _environment()
    assert "ROS_AUTOMATIC_DISCOVERY_RANGE" not in set_
    assert len(said) == 1
    assert "shared memory" in said[0]


def test_a_discovery_server_is_said_to_join_domains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DISCOVERY_SERVER", "127.0.0.1:11811")
    (said,) = _environment()[2]
    assert "ROS domains do not separate graphs" in said


def test_a_range_in_which_no_node_finds_another_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    with pytest.raises(RuntimeError, match="no node finds another one"):
        _nodes()


# Arguments, in a real launch that starts no process.


def _launch(path: Path, monkeypatch: pytest.MonkeyPatch, **arguments: str) -> list[str]:
    """Include a launch file as `ros2 launch` does; return what was raised, or the nodes that would be started."""
    ended: list[str] = []
    real = launch_description._nodes

    def recorded(declared: list[str], context: LaunchContext) -> list[Any]:
        try:
            ended.extend(node.node_executable for node in real(declared, context))
        except RuntimeError as error:
            ended.append(str(error))
        return []

    monkeypatch.setattr(launch_description, "_nodes", recorded)
    service = LaunchService(argv=[f"{name}:={value}" for name, value in arguments.items()], noninteractive=True)
    included = IncludeLaunchDescription(AnyLaunchDescriptionSource(str(path)), launch_arguments=arguments.items())
    service.include_launch_description(LaunchDescription([included]))
    assert service.run() == 0
    return ended


@pytest.mark.parametrize("name", ["simm", "speedscale", "anything"])
def test_an_argument_that_the_launch_file_does_not_have_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (words,) = _launch(LAUNCH_FILES[0], monkeypatch, sim="true", **{name: "true"})
    assert words.startswith(f"this launch file has no argument {name}: correct the name; it has embodiment, namespace")


def test_what_launch_itself_reads_is_no_unknown_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = {"sim": "true", "sigterm_timeout": "10", "launch-prefix": "nice"}
    assert _launch(LAUNCH_FILES[0], monkeypatch, **arguments) == [name for name in NODE_NAMES if name != "depth_viewer"]


PARENT = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument("model", default_value="x"),
        IncludeLaunchDescription(PythonLaunchDescriptionSource(LAUNCH_FILE),
                                 launch_arguments={GIVEN: LaunchConfiguration("simulate")}.items()),
    ])
"""


@pytest.mark.parametrize("given", ["sim", "simm"])
def test_arguments_of_a_file_that_includes_this_one_are_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str
) -> None:
    parent = tmp_path / "cell.launch.py"
    parent.write_text(PARENT.replace("LAUNCH_FILE", repr(str(LAUNCH_FILES[0]))).replace("GIVEN", repr(given)))
    ended = _launch(parent, monkeypatch, simulate="true", modes="fast")
    if given == "sim":
        assert ended == [name for name in NODE_NAMES if name != "depth_viewer"]
    else:
        assert "has no argument simm:" in ended[0]
