# SPDX-License-Identifier: Apache-2.0
"""The file of safety's thresholds: the shipped example shows the defaults, and a lab's own is read strictly."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from molmoact2_ros.bringup.graph import GRAPH_ARGUMENTS, graph
from molmoact2_ros.bringup.safety_file import load_safety_file, shipped_safety_file
from molmoact2_ros.embodiment import EmbodimentError
from molmoact2_ros.safety import Settings


def _file(folder: Path, text: str) -> Path:
    path = folder / "lab.yaml"
    path.write_text(text)
    return path


def _examples() -> dict[str, object]:
    lines = re.findall(r"^# ([a-z_]+: \S+)$", shipped_safety_file().read_text(), flags=re.MULTILINE)
    return {key: value for line in lines for key, value in yaml.safe_load(line).items()}


def test_the_shipped_file_changes_nothing() -> None:
    assert Settings(**load_safety_file(shipped_safety_file())) == Settings()


def test_every_commented_line_of_the_shipped_file_is_a_threshold_at_its_default() -> None:
    defaults = dataclasses.asdict(Settings())
    assert len(_examples()) >= 5
    assert _examples() == {name: defaults.get(name) for name in _examples()}


def test_the_shipped_file_with_its_comments_taken_away_is_a_file_that_loads(tmp_path: Path) -> None:
    text = re.sub(r"^# ([a-z_]+: \S+)$", r"\1", shipped_safety_file().read_text(), flags=re.MULTILINE)
    assert Settings(**load_safety_file(_file(tmp_path, text))) == Settings()
    assert yaml.safe_load(text) == _examples()


def test_a_labs_file_gives_what_differs_and_whole_numbers_become_floats(tmp_path: Path) -> None:
    values = load_safety_file(_file(tmp_path, "enabling_device_required: true\nbrake_time_max_s: 2\n"))
    assert Settings(**values) == dataclasses.replace(Settings(), enabling_device_required=True, brake_time_max_s=2.0)
    assert type(values["brake_time_max_s"]) is float


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jump_arm: 0.1", "unknown key jump_arm"),
        ("enabling_device_required: 1", "enabling_device_required: expected true or false, got 1"),
        ("max_refused_in_a_row: 2.5", "max_refused_in_a_row: expected a whole number, got 2.5"),
        ("jump_arm_rad: much", "jump_arm_rad: expected a finite number, got 'much'"),
        ("[]", "expected keys and values, got list"),
        ("- 1", "expected keys and values, got list"),
        ("{", "not valid YAML"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(EmbodimentError, match=r"lab\.yaml") as caught:
        load_safety_file(_file(tmp_path, text))
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(EmbodimentError, match=r"nowhere\.yaml: No such file or directory; correct the path"):
        load_safety_file("nowhere.yaml")


def test_the_graph_gives_safety_its_thresholds_and_the_driver_of_the_bridge(tmp_path: Path) -> None:
    arguments = {argument.name: argument.default for argument in GRAPH_ARGUMENTS} | {"sim": "true"}
    path = _file(tmp_path, "enabling_device_required: true")
    nodes = {node.name: node.parameters for node in graph("droid", arguments | {"safety_file": str(path)})}
    assert nodes["safety"]["enabling_device_required"] is True
    assert nodes["safety"]["driver"] == nodes["bridge"]["driver"]
