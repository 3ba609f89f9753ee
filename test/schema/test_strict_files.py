# SPDX-License-Identifier: Apache-2.0
"""What stands twice in a file is refused with both places; readers of YAML and XML take one of them silently."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from molmoact2_ros.bringup.safety_file import load_safety_file
from molmoact2_ros.embodiment import Embodiment, EmbodimentError, read_urdf, share_folder
from molmoact2_ros.schema import read_yaml
from molmoact2_ros.sim.scene_description import SceneDescription

CONFIG = share_folder() / "config"
FILES = [CONFIG / "safety.yaml", *CONFIG.glob("embodiments/*.yaml"), *CONFIG.glob("scenes/*.yaml")]


def _file(folder: Path, text: str, name: str = "lab.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-2:]))
def test_the_strict_reader_reads_shipped_files_as_yaml_does(path: Path) -> None:
    assert read_yaml(path) == yaml.safe_load(path.read_text())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "lab.yaml: expected every key once, got 'a' on line 1 (column 1) and again on line 3"),
        ("a: {v: 0.2, v: 2.075}", "got 'v' on line 1 (column 5) and again on line 1 (column 13); delete one"),
        ("- x: 1\n  'x': 2\n", "got 'x' on line 1 (column 3) and again on line 2 (column 3)"),
        ("a: &a {k: 1}\nb: {<<: *a, <<: *a}\n", "got '<<' on line 2"),
        ("1: a\n0x1: b\n", "got '0x1' on line 1"),
    ],
)
def test_a_key_that_stands_twice_in_yaml_is_refused_with_both_places(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(EmbodimentError) as caught:
        read_yaml(_file(tmp_path, text))
    assert words in str(caught.value)


def test_a_key_next_to_a_merge_key_overrides_it_and_may_be_merged_again(tmp_path: Path) -> None:
    text = "a: &a {k: 1, l: 2}\nb: &b {<<: *a, k: 3}\nc: {<<: [*b, *a], l: 4}\n"
    assert read_yaml(_file(tmp_path, text))["c"] == {"k": 3, "l": 4}


@pytest.mark.parametrize("text", ["a: 2026-13-45", "a: [", "a: *b", "---\na: 1\n---\nb: 2\n", "[" * 9999, "a: \x01"])
def test_what_is_no_yaml_is_refused_in_one_short_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(EmbodimentError, match=r"lab\.yaml: not valid YAML") as caught:
        read_yaml(_file(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_safety_embodiment_and_scene_files_are_read_strictly(tmp_path: Path) -> None:
    with pytest.raises(EmbodimentError, match="tracking_error_arm_rad"):
        load_safety_file(_file(tmp_path, "tracking_error_arm_rad: 0.02\ntracking_error_arm_rad: 0.5\n"))
    droid = (CONFIG / "embodiments" / "droid.yaml").read_text()
    with pytest.raises(EmbodimentError, match=r"'velocity' on line (\d+) \(column .* again on line \1"):
        Embodiment.load(_file(tmp_path, droid.replace("velocity: 2.075", "velocity: 0.2, velocity: 2.075", 1)))
    scene = (CONFIG / "scenes" / "droid.yaml").read_text()
    with pytest.raises(EmbodimentError, match="'timestep_s'"):
        SceneDescription.load(Embodiment.load("droid"), _file(tmp_path, scene + "\ntimestep_s: 0.01\n"))


LINK = '<link name="a"/>'


@pytest.mark.parametrize(
    ("urdf", "words"),
    [
        (f"<robot>{LINK}\n{LINK}</robot>", "<link name='a'> of <robot> once, got it on line 1 and again on line 2"),
        ('<robot>\n<joint name="j"/>\n<joint name="j"/></robot>', "<joint name='j'> of <robot> once, got it on line 2"),
        ('<robot><joint name="j"><limit/><limit/></joint></robot>', "<limit> of <joint> once"),
        ('<robot><link name="l"><collision><origin/><origin/></collision></link></robot>', "<origin> of <collision>"),
        ("<robot><link></robot>", "not valid XML"),
        ("<mujoco/>", "expected a <robot>, got <'mujoco'>"),
    ],
)
def test_what_stands_twice_in_a_urdf_is_refused_with_both_lines(tmp_path: Path, urdf: str, words: str) -> None:
    with pytest.raises(EmbodimentError, match=r"lab\.urdf") as caught:
        read_urdf(_file(tmp_path, urdf, "lab.urdf"))
    assert words in str(caught.value)


@pytest.mark.parametrize("path", sorted((share_folder() / "urdf").glob("*.urdf")), ids=lambda path: path.stem)
def test_shipped_urdfs_have_nothing_twice(path: Path) -> None:
    assert read_urdf(path).tag == "robot"
