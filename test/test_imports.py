# SPDX-License-Identifier: Apache-2.0
"""Pins which room may import which, where ROS and torch may be used, and that the pure rooms need no ROS.

Every import statement counts, those inside functions too: they run as well, only later.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "molmoact2_ros"

# Imports go downward only. `nodes` and `cli` may use any room; nothing but `cli` uses `nodes`, nothing uses `cli`.
MAY_IMPORT = {
    "embodiment": set(),
    "bridge": {"embodiment"},
    "interpolation": {"embodiment"},
    "model": {"embodiment"},
    "processing": {"embodiment"},
    "safety": {"embodiment"},
    "sim": {"embodiment"},
    "perception": {"embodiment", "processing"},
    "policy": {"embodiment", "processing", "model"},
}
MAY_IMPORT["nodes"] = set(MAY_IMPORT)
MAY_IMPORT["cli"] = {*MAY_IMPORT, "nodes"}
PURE_ROOMS = sorted(set(MAY_IMPORT) - {"nodes", "cli"})

ROS_ROOMS = {"nodes", "cli"}
TORCH_ROOMS = {"model", "policy", "cli"}
ROS_SUFFIXES = ("_msgs", "_interfaces", "_srvs")
ROS_MODULES = {"rclpy", "launch", "launch_ros", "ament_index_python", f"{PACKAGE}.msg"}
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
for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
    importlib.import_module(module.name)
"""


def _sources(room: str = "*") -> list[Path]:
    return sorted((ROOT / PACKAGE).glob(f"{room}/**/*.py"))


def _room(path: Path) -> str:
    return path.relative_to(ROOT / PACKAGE).parts[0]


def _imports(path: Path) -> list[tuple[int, str]]:
    """Return (line, absolute module) of every import; `from . import x` gives x as well."""
    package = (PACKAGE, *path.parent.relative_to(ROOT / PACKAGE).parts)
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join((*package[: len(package) - node.level + 1], node.module or "")).strip(".")
            module = base if node.level else str(node.module)
            found += [(node.lineno, module), *((node.lineno, f"{module}.{alias.name}") for alias in node.names)]
    return found


def _is_or_is_in(module: str, names: set[str]) -> bool:
    return any(module == name or module.startswith(name + ".") for name in names)


def _is_ros(module: str) -> bool:
    return _is_or_is_in(module, ROS_MODULES) or module.partition(".")[0].endswith(ROS_SUFFIXES)


def _offences(path: Path) -> list[str]:
    room, found = _room(path), []
    for line, module in _imports(path):
        parts = module.split(".")
        other = parts[1] if parts[0] == PACKAGE and len(parts) > 1 else room
        wrong_room = other in MAY_IMPORT and other != room and other not in MAY_IMPORT[room]
        wrong_ros = _is_ros(module) and room not in ROS_ROOMS
        wrong_torch = _is_or_is_in(module, TORCH_MODULES) and room not in TORCH_ROOMS
        if wrong_room or wrong_ros or wrong_torch:
            found.append(f"{path.relative_to(ROOT)}:{line} imports {module}")
    return found


def test_every_folder_is_a_room_with_a_rule() -> None:
    assert {_room(path) for path in _sources()} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_room_imports_only_what_it_may(room: str) -> None:
    assert [offence for path in _sources(room) for offence in _offences(path)] == []


@pytest.mark.parametrize(
    "statement", ["import rclpy", "from std_msgs.msg import Bool", "from ..nodes import qos", "import torch.nn as nn"]
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
