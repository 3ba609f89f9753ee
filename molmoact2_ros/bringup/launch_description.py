# SPDX-License-Identifier: Apache-2.0
"""Turn the node list of `graph.py` into launch actions: everything that the launch files share.

The nodes configure and activate themselves, so that launch only starts and ends processes. Nothing is respawned: a node
that came back by itself in mid-motion is unsafe for anyone near the arm. When safety ends, or a node refuses
its input (it ends with status 2), the bridge gets time to play the brake out, then launch ends the rest with status 1;
when another node ends otherwise, safety stops the robot and says why, and the rest stays up to be looked at.

Launch follows the environment. Where that keeps ROS on this machine by LOCALHOST, the graph is kept there by its DDS
profile instead, as `molmoact2` does: LOCALHOST would give the nodes that stop the robot shared memory (SAFETY.md).
Drivers and tools that follow LOCALHOST still meet it.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Iterable

from launch import Action, LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    SetEnvironmentVariable,
    TimerAction,
    UnsetEnvironmentVariable,
)
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from . import middleware
from .dds_profile import PROFILE_VARIABLE, profile_environment, shipped_profile
from .graph import GRAPH_ARGUMENTS, GraphArgument, NodeSpec, graph

PACKAGE = "molmoact2_ros"
BRAKE_TIME_S = 2.0  # longer than any brake: `molmoact2 up` waits as long for standstill
REFUSED = 2  # exit status of a node whose input cannot be used
# What launch itself, and launch_ros, read from the configurations of a launch.
OF_LAUNCH = (
    *("launch-prefix", "launch-prefix-filter", "sigterm_timeout", "sigkill_timeout", "emulate_tty"),
    *("ros_namespace", "ros_remaps", "global_params"),
)


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
    names = [argument.name for argument in declared]
    nodes = OpaqueFunction(function=functools.partial(_nodes, names))
    return LaunchDescription([*declared, *_environment(), nodes])


def _declare(argument: GraphArgument) -> DeclareLaunchArgument:
    return DeclareLaunchArgument(
        argument.name,
        default_value=argument.default,
        description=argument.description,
        choices=list(argument.choices) or None,
    )


def _environment() -> list[Action]:
    """Load the shared-memory profile, unless the lab has one of its own, and say what the environment does."""
    said = _said(middleware.joined_domains(os.environ))
    if middleware.is_replaced_by_profile(os.environ):
        local = middleware.wants_this_machine_only(os.environ)
        return [*said, *(_kept_here() if local else []), *_profile(local=local)]
    said += _said(middleware.shared_memory_of_localhost(os.environ))
    return [*said, *([] if os.environ.get(PROFILE_VARIABLE) else _profile(local=False))]


def _said(text: str) -> list[Action]:
    return [LogInfo(msg=f"molmoact2_ros: {text}")] if text else []


def _profile(*, local: bool) -> list[Action]:
    return [SetEnvironmentVariable(PROFILE_VARIABLE, str(shipped_profile(local=local)))]


def _kept_here() -> list[Action]:
    """Put the profile in the place of LOCALHOST."""
    return [
        SetEnvironmentVariable(middleware.RANGE, "SYSTEM_DEFAULT"),
        UnsetEnvironmentVariable(middleware.LOCALHOST_ONLY),
    ]


def _nodes(declared: list[str], context: LaunchContext) -> list[LaunchDescriptionEntity]:
    _refuse_unknown(declared, context)
    if text := middleware.range_off(os.environ):
        raise RuntimeError(text)
    values = {argument.name: _value(context, argument.name) for argument in GRAPH_ARGUMENTS}
    namespace = _value(context, "namespace")
    return [_node(spec, namespace) for spec in graph(_value(context, "embodiment"), values)]


def _refuse_unknown(declared: list[str], context: LaunchContext) -> None:
    """Raise RuntimeError for arguments that this file does not have; launch would take `simm:=true` without a word."""
    unknown = sorted(set(_given(context)) - {*declared, *OF_LAUNCH})
    if unknown:
        raise RuntimeError(
            f"this launch file has no argument {', '.join(unknown)}: correct the name; it has {', '.join(declared)}"
        )


def _given(context: LaunchContext) -> Iterable[str]:
    """Return the names of the arguments that were given to this launch file, and to no other.

    The context holds those of every file that includes this one, too. Launch visits what a file includes within a call
    that has the action of the inclusion as `entity`: the innermost one is ours, on the command line too.
    """
    frame = inspect.currentframe()
    while frame is not None:
        entity = frame.f_locals.get("entity")
        if isinstance(entity, IncludeLaunchDescription):
            names = (normalize_to_list_of_substitutions(name) for name, _ in entity.launch_arguments)
            return [perform_substitutions(context, name) for name in names]
        frame = frame.f_back
    return list(context.launch_configurations)


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
        on_exit=functools.partial(_on_exit, spec.name),
    )


def _on_exit(name: str, event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
    if context.is_shutdown:
        return []  # Ctrl-C ended it
    if event.returncode == REFUSED:
        sentence = f"{name} refused what it was given, its own sentence stands above; the others are ended too"
    elif name == "safety":
        sentence = "the safety node ended; the others had time to brake and are ended too"
    else:
        return []
    return [TimerAction(period=BRAKE_TIME_S, actions=[OpaqueFunction(function=functools.partial(_give_up, sentence))])]


def _give_up(sentence: str, _context: LaunchContext) -> None:
    """Launch prints the sentence, ends the other processes and returns 1; its Shutdown action would return 0."""
    raise RuntimeError(sentence)


def _parameter(value: object) -> object:
    """Keep text as text: launch_ros would otherwise read it as YAML, and an instruction "1" as a number."""
    return ParameterValue(value, value_type=str) if isinstance(value, str) else value
