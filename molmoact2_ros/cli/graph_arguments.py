# SPDX-License-Identifier: Apache-2.0
"""The launch files' arguments as command-line options."""

from __future__ import annotations

import argparse

from molmoact2_ros.bringup.graph import GRAPH_ARGUMENTS, GraphArgument, NodeSpec, graph
from molmoact2_ros.model.hub import resolve_checkpoint

SWITCH = ("true", "false")


def add_graph_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one option per launch argument."""
    group = parser.add_argument_group("the graph (the launch files take the same arguments)")
    for argument in GRAPH_ARGUMENTS:
        flag = "--" + argument.name.replace("_", "-")
        if argument.choices == SWITCH:
            group.add_argument(flag, action="store_true", help=argument.description)
        else:
            group.add_argument(flag, choices=argument.choices or None, help=argument.description)


def graph_from_args(embodiment: str, args: argparse.Namespace, **fixed: str) -> list[NodeSpec]:
    """Return the nodes that the options ask for; `fixed` overrides options left out of the parser.

    A checkpoint on the hub is downloaded here and now, where a terminal can show how far it is; the policy node then
    finds it in the cache.
    """
    nodes = graph(embodiment, {argument.name: _text(args, argument) for argument in GRAPH_ARGUMENTS} | fixed)
    for node in nodes:
        if "checkpoint" in node.parameters:
            resolve_checkpoint(str(node.parameters["checkpoint"]))
    return nodes


def instruction_text(text: str) -> str:
    """Return an instruction; raise ValueError if it is empty."""
    if not text.strip():
        raise ValueError("the instruction is empty: give the task, e.g. 'put the red block in the bowl'")
    return text


def _text(args: argparse.Namespace, argument: GraphArgument) -> str:
    value = getattr(args, argument.name, None)
    if value is None:
        return argument.default
    if argument.name == "instruction":
        return instruction_text(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
