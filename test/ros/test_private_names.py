# SPDX-License-Identifier: Apache-2.0
"""No node gives an attribute a name that rclpy's node uses for itself, such as its list of publishers."""

from __future__ import annotations

import ast
import inspect

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.lifecycle import LifecycleNode

from molmoact2_ros.nodes.bridge_node import BridgeNode
from molmoact2_ros.nodes.interpolator_node import InterpolatorNode
from molmoact2_ros.nodes.perception_node import PerceptionNode
from molmoact2_ros.nodes.policy_node import PolicyNode
from molmoact2_ros.nodes.safety_node import SafetyNode
from molmoact2_ros.nodes.simulator_node import SimulatorNode
from molmoact2_ros.ros.lifecycle import Molmoact2Node

TRANSITIONS = {"on_configure", "on_activate", "on_deactivate", "on_cleanup", "on_shutdown", "on_error"}


def _assigned(kind: type) -> set[str]:
    """Return the names of `self` that the methods of a class assign."""
    tree = ast.parse(inspect.getsource(kind))
    targets = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)]
    return {node.attr for node in targets if isinstance(node.value, ast.Name) and node.value.id == "self"}


def _mangled_apart(kind: type) -> set[str]:
    return {name for name in _assigned(kind) if not name.startswith("__")}


@pytest.mark.parametrize(
    "kind",
    [Molmoact2Node, BridgeNode, InterpolatorNode, PerceptionNode, PolicyNode, SafetyNode, SimulatorNode],
)
def test_a_node_reuses_no_name_of_its_base_class(kind: type) -> None:
    bases = [base for base in LifecycleNode.__mro__ if base.__module__.startswith("rclpy")]
    theirs = set().union(*(_mangled_apart(base) | set(vars(base)) for base in bases))
    assert theirs, "rclpy's own source must be readable"
    assert not _assigned(kind) & theirs
    assert not {name for name in vars(kind) if not name.startswith("__")} & theirs - TRANSITIONS
