# SPDX-License-Identifier: Apache-2.0
"""Pins what the launch files turn the node list into, with the real launch and launch_ros (which have no wheels)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch_ros", reason="needs launch_ros: apt install ros-jazzy-launch-ros")

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.utilities import perform_substitutions
from launch_ros.actions import Node
from launch_ros.utilities import evaluate_parameters

from molmoact2_ros.nodes.graph import GRAPH_ARGUMENTS, graph
from molmoact2_ros.nodes.launch_description import BRAKE_TIME_S, DDS_PROFILE_VARIABLE, robot_launch_description

LAUNCH_FILES = sorted((Path(__file__).parents[2] / "launch").glob("*.launch.py"))
CHECKPOINT = str(Path(__file__).parents[1] / "data" / "parity" / "tiny_base")
DEFAULTS = {argument.name: argument.default for argument in GRAPH_ARGUMENTS} | {"checkpoint": CHECKPOINT}


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
    (policy,) = (node for node in nodes if node.node_executable == "policy")
    assert _parameters(context, policy)["instruction"] == instruction


def test_only_the_end_of_safety_ends_the_launch_and_leaves_time_to_brake() -> None:
    context, nodes = _nodes(sim="true")
    reactions = {node.node_executable: node._ExecuteLocal__on_exit for node in nodes}
    (timer,) = reactions.pop("safety")(None, context)
    assert timer.period == BRAKE_TIME_S
    with pytest.raises(RuntimeError, match="the safety node ended"):
        timer.actions[0].execute(context)
    assert not any(reactions.values())


def test_a_launch_that_ends_anyway_does_not_wait_for_a_brake() -> None:
    context, nodes = _nodes(sim="true")
    (safety,) = (node for node in nodes if node.node_executable == "safety")
    context._set_is_shutdown(True)
    assert safety._ExecuteLocal__on_exit(None, context) == []


def test_dds_profile_is_loaded_unless_the_lab_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DDS_PROFILE_VARIABLE, raising=False)
    (action,) = (e for e in robot_launch_description("droid").entities if isinstance(e, SetEnvironmentVariable))
    assert Path(perform_substitutions(LaunchContext(), action.value)).name == "fastdds_profile.xml"
    monkeypatch.setenv(DDS_PROFILE_VARIABLE, "/lab/profile.xml")
    assert not any(isinstance(e, SetEnvironmentVariable) for e in robot_launch_description("droid").entities)
