# SPDX-License-Identifier: Apache-2.0
"""Pins which room may import which, where ROS and torch may be used, and that the pure rooms need no ROS.

Every import statement counts, those inside functions too: they run as well, only later.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "molmoact2_ros"

YES, NO = ("*",), ()  # which files of a room; their paths in the room may have wildcards


class Room(NamedTuple):
    """What the files of one room may import: rooms or single modules of ours, ROS, torch."""

    imports: set[str]
    ros: tuple[str, ...] = NO
    torch: tuple[str, ...] = NO


# Imports go downward only. A room that is not here yet is added with its first file.
BASE = {"timing", "schema", "interfaces"}
LINE = {"perception", "interpolation", "safety", "bridge", "sim"}
ROOMS = {
    "timing": Room(set()),
    "schema": Room({"timing"}),
    "interfaces": Room({"timing", "schema"}),
    "embodiment": Room(BASE),
    "processing": Room(BASE),
    "model": Room(BASE, torch=YES),
    "perception": Room({*BASE, "embodiment", "processing"}),
    "interpolation": Room({*BASE, "embodiment"}),
    "bridge": Room({*BASE, "embodiment"}),
    "safety": Room({*BASE, "embodiment"}),
    "sim": Room({*BASE, "embodiment"}),
    "policy": Room({*BASE, "embodiment", "processing", "model"}, torch=YES),
    "datasets": Room({*BASE, "embodiment", "processing"}),
    "training": Room({*BASE, "datasets", "processing", "model", "sim", "embodiment"}, torch=YES),
    "evaluation": Room({*BASE, *LINE, "policy", "model", "processing", "datasets", "embodiment"}, torch=YES),
    # What listens to a running graph and what writes its bag share the operator's node.
    "recording": Room(
        {*BASE, *LINE, "datasets", "policy", "processing", "embodiment", "ros", "bringup", "operation"},
        ros=("bag_recorder.py", "run_listener.py"),
    ),
    # Which data types messages become is known to the conversions alone: see CONVERTED.
    "ros": Room(BASE, ros=YES),
    # The policy node loads the network and the depth decoder, when it is configured.
    "nodes": Room({*BASE, *LINE, "policy", "model", "processing", "embodiment", "ros"}, ros=YES),
    # What arguments mean, and whether ROS can start at all, is checked before any node starts.
    "bringup": Room(
        {
            *BASE,
            "embodiment",
            "processing",
            "policy.handshake",
            "policy.checkpoint_choice",
            "policy.simulated_latency",
            "interpolation.settings",
            "safety.settings",
            "ros.ros_start",
        },
        ros=("launch_description.py",),
    ),
    "operation": Room({*BASE, "embodiment", "ros", "bringup"}, ros=YES),
    # The checkpoint is examined with the reader of its inputs, and its weights are counted where torch is installed.
    "doctor": Room(
        {
            *BASE,
            *LINE,
            "operation",
            "ros",
            "bringup",
            "embodiment",
            "processing",
            "policy.handshake",
            "model.hub",
            "model.checkpoint",
        },
        ros=YES,
        torch=("machine_checks.py",),
    ),
    "fault_injection": Room({*BASE, *LINE, "operation", "ros", "bringup", "embodiment"}, ros=YES),
}
ROOMS["cli"] = Room({*ROOMS, "__version__"}, ros=YES, torch=YES)
CONVERTED = {*LINE, "embodiment", "policy.policy"}
PURE_ROOMS = sorted(name for name, room in ROOMS.items() if not room.ros)

ROS_SUFFIXES = ("_msgs", "_interfaces", "_srvs")
ROS_MODULES = {
    "rclpy",
    "launch",
    "launch_ros",
    "ament_index_python",
    *(f"{PACKAGE}.{kind}" for kind in ("msg", "srv", "action")),
}
TORCH_MODULES = {"torch", "safetensors", "transformers", "torchvision"}

BLOCK_AND_IMPORT = """
import importlib, pkgutil, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top == "rclpy" or top.endswith(("_msgs", "_interfaces", "_srvs")):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocker())
room = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(getattr(room, "__path__", []), room.__name__ + "."):
    importlib.import_module(module.name)
"""


def _sources(room: str = "*") -> list[Path]:
    return sorted({*(ROOT / PACKAGE).glob(f"{room}/**/*.py"), *(ROOT / PACKAGE).glob(f"{room}.py")})


def _room(path: Path) -> str:
    return path.relative_to(ROOT / PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> list[tuple[int, str]]:
    """Return (line, absolute name) of everything that is imported; `from . import x` gives x."""
    package = (PACKAGE, *path.parent.relative_to(ROOT / PACKAGE).parts)
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join((*package[: len(package) - node.level + 1], node.module or "")).strip(".")
            module = base if node.level else str(node.module)
            found += [(node.lineno, f"{module}.{alias.name}") for alias in node.names]
    return found


def _is_or_is_in(module: str, names: set[str]) -> bool:
    return any(module == name or module.startswith(name + ".") for name in names)


def _is_ros(module: str) -> bool:
    return _is_or_is_in(module, ROS_MODULES) or module.partition(".")[0].endswith(ROS_SUFFIXES)


def _offences(path: Path) -> list[str]:
    name, found = _room(path), []
    rules, place = ROOMS[name], str(path.relative_to(ROOT / PACKAGE / name)) if path.stem != name else path.name
    allowed = rules.imports | (CONVERTED if name == "ros" and fnmatch(place, "*conversions.py") else set())
    for line, module in _imports(path):
        ours = module.removeprefix(f"{PACKAGE}.") if module.startswith(f"{PACKAGE}.") else ""
        wrong_room = bool(ours) and not _is_ros(module) and not _is_or_is_in(ours, {*allowed, name})
        wrong_ros = _is_ros(module) and not any(fnmatch(place, files) for files in rules.ros)
        wrong_torch = _is_or_is_in(module, TORCH_MODULES) and not any(fnmatch(place, files) for files in rules.torch)
        if wrong_room or wrong_ros or wrong_torch:
            found.append(f"{path.relative_to(ROOT)}:{line} imports {module}")
    return found


def test_every_folder_is_a_room_with_a_rule() -> None:
    assert {_room(path) for path in _sources()} - {"__init__"} == set(ROOMS)


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_room_imports_only_what_it_may(room: str) -> None:
    assert [offence for path in _sources(room) for offence in _offences(path)] == []


def test_no_node_imports_a_command() -> None:
    importers = [name for name, room in ROOMS.items() if "cli" in room.imports]
    assert importers == []


@pytest.mark.parametrize(
    "statement",
    [
        "import rclpy",
        "from std_msgs.msg import Bool",
        "from ..nodes import qos",
        "from ..ros import qos",
        "from molmoact2_ros.cli import main",
        "from molmoact2_ros.msg import JointCommand",
        "import torch.nn as nn",
    ],
)
def test_the_rules_see_an_offence_in_a_safety_file(statement: str, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / PACKAGE / "safety" / "offender.py"
    path.parent.mkdir(parents=True)
    path.write_text(f"def late():\n    {statement}\n")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert _offences(path)


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_room_imports_with_no_ros_on_the_machine(room: str) -> None:
    command = [sys.executable, "-c", BLOCK_AND_IMPORT, f"{PACKAGE}.{room}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.node
@pytest.mark.parametrize("node", ["safety", "bridge", "interpolator"])
def test_node_that_moves_the_robot_loads_no_torch(node: str) -> None:
    pytest.importorskip("rclpy", reason="needs the ROS wheels: make env")
    code = f"import sys, {PACKAGE}.safety, {PACKAGE}.nodes.{node}_node; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
