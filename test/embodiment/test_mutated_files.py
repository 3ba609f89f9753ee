# SPDX-License-Identifier: Apache-2.0
"""Files with one thing wrong end in one short sentence that names the file, never in a traceback. The seed is fixed.

Lines are deleted, doubled, cut and exchanged, and values become what YAML makes of slips: numbers and dates for names,
null, lists, very long numbers.
"""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest
import yaml

from molmoact2_ros.bringup.safety_file import load_safety_file
from molmoact2_ros.embodiment import Embodiment, EmbodimentError, share_folder, shipped_embodiments
from molmoact2_ros.safety import CollisionChecker, SafetyError, Settings
from molmoact2_ros.sim.errors import SimulationError
from molmoact2_ros.sim.scene import Scene
from molmoact2_ros.sim.scene_description import SceneDescription

SHARE = share_folder()
LONGEST = 1500  # characters of a sentence
VALUES = [
    "2026-11-28", "1.5", "null", "true", "[]", "{}", "[1, 2, 3]", "7" * 400, "7" * 5000, "-1e999", ".nan", "''",
    "'" + "x" * 3000 + "'", "0x10", "1:30", "no", "!!binary aGk=", "&a [*a]", "{1: 2}", "{a: {b: {c: 1}}}", "-3",
]  # fmt: skip


def _mutated_lines(text: str, draw: random.Random) -> str:
    lines = text.splitlines()
    place, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    action = draw.choice(["delete", "double", "cut", "exchange", "indent"])
    if action == "delete":
        del lines[place]
    elif action == "double":
        lines.insert(other, lines[place])
    elif action == "cut":
        lines[place] = lines[place][: draw.randrange(len(lines[place]) + 1)]
    elif action == "exchange":
        lines[place], lines[other] = lines[other], lines[place]
    else:
        lines[place] = "  " + lines[place]
    return "\n".join(lines)


def _mutated_value(text: str, draw: random.Random) -> str:
    """Replace one scalar of the file, key or value, by something else."""
    tokens = [
        (token.start_mark.index, token.end_mark.index)
        for token in yaml.scan(text)
        if isinstance(token, yaml.ScalarToken)
    ]
    begin, end = draw.choice(tokens)
    return text[:begin] + draw.choice(VALUES) + text[end:]


def _refusal(load) -> str:
    """Return the sentence of a refusal, empty where the file is taken."""
    try:
        load()
    except (EmbodimentError, SafetyError, SimulationError) as error:
        return str(error)
    return ""


def _try(path: Path, text: str, load) -> None:
    path.write_text(text, encoding="utf-8")
    sentence = _refusal(load)
    assert not sentence or path.stem in sentence, sentence
    assert len(sentence) < LONGEST, sentence
    assert "\n" not in sentence, sentence


def _mutations(text: str, count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [draw.choice([_mutated_lines, _mutated_value])(text, draw) for _ in range(count)]


def _embodiment_text(name: str) -> str:
    text = (SHARE / "config" / "embodiments" / f"{name}.yaml").read_text()
    return text.replace(f"urdf: {name}.urdf", f"urdf: {SHARE / 'urdf' / name}.urdf")


@pytest.mark.parametrize("name", shipped_embodiments())
@pytest.mark.parametrize("count", [25, pytest.param(300, marks=pytest.mark.slow)])
def test_a_mutated_embodiment_file_is_taken_or_refused_in_one_sentence(name: str, count: int, tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    for text in _mutations(_embodiment_text(name), count, seed=1):
        _try(path, text, lambda: Embodiment.load(path))


@pytest.mark.parametrize("kind", ["safety", "scene"])
@pytest.mark.parametrize("count", [25, pytest.param(300, marks=pytest.mark.slow)])
def test_a_mutated_safety_or_scene_file_is_taken_or_refused_in_one_sentence(
    kind: str, count: int, tmp_path: Path
) -> None:
    path, robot = tmp_path / "lab.yaml", Embodiment.load("droid")
    scene = (SHARE / "config" / "scenes" / "droid.yaml").read_text()
    whole = yaml.safe_dump(dataclasses.asdict(Settings())) if kind == "safety" else scene
    for text in _mutations(whole, count, seed=2):
        _try(path, text, lambda: load_safety_file(path) if kind == "safety" else SceneDescription.load(robot, path))


@pytest.mark.sim
@pytest.mark.parametrize("count", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_a_mutated_urdf_is_taken_or_refused_in_one_sentence(count: int, tmp_path: Path) -> None:
    path, draw = tmp_path / "lab.urdf", random.Random(3)
    (tmp_path / "lab.yaml").write_text(_embodiment_text("droid").replace(str(SHARE / "urdf" / "droid.urdf"), str(path)))
    path.write_text("<robot/>")
    robot = Embodiment.load(tmp_path / "lab.yaml")
    scene = SceneDescription.load(Embodiment.load("droid"))
    for _ in range(count):
        text = _mutated_lines((SHARE / "urdf" / "droid.urdf").read_text(), draw)
        _try(path, text, lambda: CollisionChecker.load(robot))
        _try(path, text, lambda: Scene.build(robot, scene))
