# SPDX-License-Identifier: Apache-2.0
"""The first calls into ROS, with a net: what an environment lacks becomes one sentence that says what to do.

Imports no ROS by itself. `require_ros` comes before the first import of rclpy, for a middleware that cannot be had ends
the process inside that import, beyond the reach of any `except`.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

Made = TypeVar("Made")

MIDDLEWARE_VARIABLES = ("RMW_IMPLEMENTATION", "RCL_ASSERT_RMW_ID_MATCHES")
REMEDY = "source ROS 2 and the workspace that this package was built in, or install it with `pip install '.[ros]'`"
PROBE_S = 60.0
LAST_DOMAIN = 232  # the ports of a higher one do not exist: Fast DDS ends the process
# Of each package that comes from elsewhere one module: a foreign one of either is found by importing it.
MODULES = ("rclpy", "std_msgs.msg", "molmoact2_ros.msg")


class RosStartError(ValueError):
    """ROS cannot start in this environment; one sentence says why and what to do."""


def require_ros(environment: Mapping[str, str] = os.environ) -> None:
    """Raise RosStartError if ROS cannot be imported here."""
    domain = environment.get("ROS_DOMAIN_ID", "")
    if domain and not (domain.isdecimal() and int(domain) <= LAST_DOMAIN):
        raise RosStartError(f"ROS_DOMAIN_ID={domain}: expected a ROS domain from 0 to 101")
    _require_middleware(environment)
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise RosStartError(_import_problem(name, error, environment)) from error
    _require_type_support(environment)


def init_ros(**options: Any) -> None:
    """Call `rclpy.init`; raise RosStartError if ROS does not start."""
    import rclpy

    try:
        rclpy.init(**options)
    except RuntimeError as error:  # RCLError is one; an argument that ROS cannot parse another
        rclpy.try_shutdown()
        raise RosStartError(ros_problem(error)) from error


def made_by_ros(make: Callable[[], Made]) -> Made:
    """Return what `make` makes; raise RosStartError if ROS refuses it, as it refuses the first node of a process."""
    from rclpy.impl.implementation_singleton import rclpy_implementation

    try:
        return make()
    except rclpy_implementation.RCLError as error:
        raise RosStartError(ros_problem(error)) from error


def ros_problem(error: Exception) -> str:
    """Return one sentence for what ROS raised while it started."""
    words = _first_line(error)
    if "logging" in words:
        return (
            f"ROS cannot open its log ({words}): set ROS_LOG_DIR to a folder that can be written, or HOME to your home "
            "folder"
        )
    return words


def run_node(module: str) -> int:
    """Run the `main` of a node's module; return the exit status, 2 with one sentence if ROS cannot start."""
    try:
        require_ros()
    except RosStartError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return int(importlib.import_module(module).main())


def _require_middleware(environment: Mapping[str, str]) -> None:
    """Raise RosStartError if a middleware is asked for that cannot be loaded; the import is tried in a child."""
    asked = {name: environment[name] for name in MIDDLEWARE_VARIABLES if environment.get(name)}
    installed = installed_middlewares(environment)
    if not asked or set(asked.values()) <= {"rmw_fastrtps_cpp"} & set(installed):
        return
    if "rclpy" in sys.modules or find_spec("rclpy") is None:
        return  # it is loaded, or its absence is to be said
    try:
        probe = subprocess.run(
            [sys.executable, "-c", "import rclpy"], env=dict(environment), capture_output=True, text=True,
            timeout=PROBE_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return
    if probe.returncode and "ImportError" not in probe.stderr and "ModuleNotFoundError" not in probe.stderr:
        wanted = ", ".join(f"{name}={value}" for name, value in asked.items())
        there = f"this environment has {', '.join(installed)} alone" if installed else "it cannot be loaded here"
        raise RosStartError(f"{wanted}: {there}: unset {', '.join(asked)}, or install that middleware")


def installed_middlewares(environment: Mapping[str, str]) -> list[str]:
    """Return the names of the middlewares that the ament index lists."""
    prefixes = environment.get("AMENT_PREFIX_PATH", sys.prefix).split(os.pathsep)
    folders = [Path(prefix, "share", "ament_index", "resource_index", "rmw_typesupport") for prefix in prefixes]
    return sorted(
        {entry.name for folder in folders if folder.is_dir() for entry in folder.iterdir()} - {"rmw_implementation"}
    )


def _require_type_support(environment: Mapping[str, str]) -> None:
    """Raise RosStartError if messages cannot be sent: their Python is here, their libraries are of another ROS."""
    from std_msgs.msg import String

    from molmoact2_ros.msg import SafetyState

    for kind in (String, SafetyState):
        try:
            type(kind).__import_type_support__()
            if type(kind)._CREATE_ROS_MESSAGE is None:  # rosidl keeps an ImportError to itself
                raise ImportError("its type support cannot be loaded")
        except Exception as error:  # rosidl has classes of its own for it, of no narrower base
            raise RosStartError(_import_problem(kind.__module__.partition(".")[0], error, environment)) from error


def _import_problem(name: str, error: Exception, environment: Mapping[str, str]) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name in {name, name.partition(".")[0]}:
        return f"{error.name} not found: {REMEDY}"
    place = _place(name)
    for variable in ("PYTHONPATH", "LD_LIBRARY_PATH"):
        if _is_below(place, environment.get(variable, "")) or (
            variable == "LD_LIBRARY_PATH" and ".so" in str(error) and environment.get(variable)
        ):
            return (
                f"{variable} brings a ROS that this Python {sys.version_info[0]}.{sys.version_info[1]} cannot load "
                f"({name} in {place}: {_first_line(error)}): unset {variable}"
            )
    return f"{name} in {place} cannot be loaded ({_first_line(error)}): {REMEDY}"


def _place(name: str) -> str:
    """Return the folder that a package is imported from, as far as that is known."""
    top = name.partition(".")[0]
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        spec = None
    origin = spec.origin if spec is not None else None
    return str(Path(origin).parent) if origin else top


def _is_below(place: str, search_path: str) -> bool:
    folders = [Path(entry) for entry in search_path.split(os.pathsep) if entry]
    return any(Path(place).is_relative_to(folder) for folder in folders)


def _first_line(error: Exception) -> str:
    line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return line.partition(", at /")[0]  # where in rcl's source it was raised helps no user
