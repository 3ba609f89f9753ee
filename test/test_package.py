# SPDX-License-Identifier: Apache-2.0
"""Pins what several files say about the package: they must say the same. Needs neither ROS nor a build."""

from __future__ import annotations

import ast
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import molmoact2_ros
from molmoact2_ros.bringup.graph import NODE_NAMES

ROOT = Path(__file__).parents[1]
MANIFEST = ElementTree.parse(ROOT / "package.xml").getroot()
CMAKE = (ROOT / "CMakeLists.txt").read_text()
MESSAGES = sorted((ROOT / "msg").glob("*.msg"))
IMPORT_NAMES = {"pillow": "PIL", "pyyaml": "yaml"}  # where they differ from the distribution's


def _pyproject() -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _pins() -> dict[str, list[Version]]:
    """Return the versions of constraints.txt; some differ by Python version."""
    pins: dict[str, list[Version]] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            (only,) = requirement.specifier
            assert only.operator == "==", f"{line}: not a pin"
            pins.setdefault(canonicalize_name(requirement.name), []).append(Version(only.version))
    return pins


def _requirements() -> list[Requirement]:
    """Return everything that pyproject.toml asks for, to run and to build; the teacher is for those who want it."""
    content = _pyproject()
    extras = [names for extra, names in content["project"]["optional-dependencies"].items() if extra != "teacher"]
    texts = [
        *content["project"]["dependencies"],
        *content["build-system"]["requires"],
        *(text for extra in extras for text in extra),
    ]
    return [Requirement(text) for text in texts]


def _depends(*tags: str) -> set[str]:
    return {str(element.text) for tag in tags for element in MANIFEST.iter(tag)}


def _imported() -> set[str]:
    """Return the top-level modules that the package and the launch files import."""
    sources = [*ROOT.glob("molmoact2_ros/**/*.py"), *ROOT.glob("launch/*.py")]
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text()))]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {module.partition(".")[0] for module in modules}


def _is_ros(module: str) -> bool:
    return module in {"rclpy", "launch", "launch_ros"} or module.endswith(("_msgs", "_interfaces", "_srvs"))


def test_the_versions_are_one() -> None:
    assert MANIFEST.findtext("version") == molmoact2_ros.__version__
    assert _pyproject()["tool"]["setuptools"]["dynamic"]["version"]["attr"] == "molmoact2_ros.__version__"


def test_the_descriptions_agree() -> None:
    assert _pyproject()["project"]["description"] == MANIFEST.findtext("description")


def test_cmake_generates_every_message_file() -> None:
    assert re.findall(r"^  msg/(\w+\.msg)$", CMAKE, flags=re.MULTILINE) == [path.name for path in MESSAGES]


def test_cmake_installs_a_program_for_every_node() -> None:
    (names,) = re.findall(r"foreach\(node ([a-z_ ]+)\)", CMAKE)
    assert sorted(names.split()) == sorted(NODE_NAMES)
    assert all((ROOT / f"molmoact2_ros/nodes/{name}_node.py").is_file() for name in NODE_NAMES)


def test_cmake_finds_only_packages_that_the_manifest_names() -> None:
    found = set(re.findall(r"find_package\((\w+)", CMAKE))
    assert found <= _depends("buildtool_depend", "depend", "test_depend")


def test_manifest_names_every_ros_package_that_the_code_imports() -> None:
    assert {name for name in _imported() if _is_ros(name)} <= _depends("depend", "exec_depend")


def test_pyproject_names_every_other_package_that_the_code_imports() -> None:
    project = _pyproject()["project"]
    texts = [*project["dependencies"], *project["optional-dependencies"]["teacher"]]
    names = {canonicalize_name(Requirement(text).name) for text in texts}
    declared = {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in names}
    others = {name for name in _imported() if not _is_ros(name)}
    assert others - set(sys.stdlib_module_names) - {"molmoact2_ros"} == declared


def test_every_robot_has_its_urdf_scene_and_launch_file_and_stands_in_the_readme() -> None:
    robots = sorted(path.stem for path in ROOT.glob("config/embodiments/*.yaml"))
    assert sorted(path.stem for path in ROOT.glob("urdf/*.urdf")) == robots
    assert sorted(path.stem for path in ROOT.glob("config/scenes/*.yaml")) == robots
    assert sorted(path.name for path in ROOT.glob("launch/*.py")) == [f"{robot}.launch.py" for robot in robots]
    assert [robot for robot in robots if f"`{robot}`" not in (ROOT / "README.md").read_text()] == []


def test_every_pin_lies_in_its_range() -> None:
    pins = _pins()
    for requirement in _requirements():
        versions = pins[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions), requirement


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_message_says_who_sends_and_receives_it(path: Path) -> None:
    heading = path.read_text().split("\n\n")[0]
    assert all(line.startswith("#") for line in heading.splitlines())
    assert "From: " in heading
    assert "To: " in heading
    assert re.search(r"\breliable\b|\bbest effort\b", heading)


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_every_field_of_a_message_is_explained(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    fields = [line for line in lines if "=" not in line.partition("#")[0]]
    assert fields
    assert [line for line in fields if "#" not in line] == []
