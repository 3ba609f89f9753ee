# SPDX-License-Identifier: Apache-2.0
"""Turn the node list of `graph.py` into launch actions: everything that the launch files share.

The nodes configure and activate themselves, so that launch only starts and ends processes. Nothing is respawned: a node
that came back by itself in mid-motion would surprise whoever stands beside the arm. When safety ends, the bridge gets
time to play the brake out, then launch ends the rest with status 1; when another node ends, safety stops the robot and
says why, and the rest stays up to be looked at.
"""

from __future__ import annotations

import os

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable, TimerAction
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from .dds_profile import PROFILE_VARIABLE, profile_environment, shipped_profile
from .graph import GRAPH_ARGUMENTS, GraphArgument, NodeSpec, graph

PACKAGE = "molmoact2_ros"
BRAKE_TIME_S = 2.0  # longer than any brake: `molmoact2 up` waits as long for standstill


def robot_launch_description(embodiment: str) -> LaunchDescription:
    """Return the launch description of one robot.

    Args:
        embodiment: default of the `embodiment` argument; the name of a shipped robot.
    """
    own_arguments = (
        GraphArgument("embodiment", embodiment, "robot: name of a shipped one, or path of an embodiment file"),
        GraphArgument("namespace", "", "prefix of all names, one per robot"),
    )
    declared = [_declare(argument) for argument in (*own_arguments, *GRAPH_ARGUMENTS)]
    return LaunchDescription([*declared, *_dds_profile(), OpaqueFunction(function=_nodes)])


def _declare(argument: GraphArgument) -> DeclareLaunchArgument:
    return DeclareLaunchArgument(
        argument.name,
        default_value=argument.default,
        description=argument.description,
        choices=list(argument.choices) or None,
    )


def _dds_profile() -> list[SetEnvironmentVariable]:
    """Load the shared-memory profile, unless the lab has one of its own."""
    if os.environ.get(PROFILE_VARIABLE):
        return []
    return [SetEnvironmentVariable(PROFILE_VARIABLE, str(shipped_profile()))]


def _nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    values = {argument.name: _value(context, argument.name) for argument in GRAPH_ARGUMENTS}
    namespace = _value(context, "namespace")
    return [_node(spec, namespace) for spec in graph(_value(context, "embodiment"), values)]


def _value(context: LaunchContext, name: str) -> str:
    return str(LaunchConfiguration(name).perform(context))


def _node(spec: NodeSpec, namespace: str) -> Node:
    return Node(
        package=PACKAGE,
        executable=spec.name,
        name=spec.name,
        namespace=namespace,
        parameters=[{key: _parameter(value) for key, value in spec.parameters.items()}],
        remappings=list(spec.remappings.items()),
        additional_env=profile_environment(spec.name, os.environ),
        output="screen",
        respawn=False,
        on_exit=_on_safety_exit if spec.name == "safety" else None,
    )


def _on_safety_exit(_event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
    if context.is_shutdown:
        return []  # Ctrl-C ended it
    return [TimerAction(period=BRAKE_TIME_S, actions=[OpaqueFunction(function=_give_up)])]


def _give_up(_context: LaunchContext) -> None:
    """Launch prints the sentence, ends the other processes and returns 1; its Shutdown action would return 0."""
    raise RuntimeError("the safety node ended; the others had time to brake and are ended too")


def _parameter(value: object) -> object:
    """Keep text as text: launch_ros would otherwise read it as YAML, and an instruction "1" as a number."""
    return ParameterValue(value, value_type=str) if isinstance(value, str) else value
