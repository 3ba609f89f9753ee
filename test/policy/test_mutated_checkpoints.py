# SPDX-License-Identifier: Apache-2.0
"""Pins that a checkpoint's files, mutated, load or are refused in one short sentence: no other exception, no page."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.model.checkpoint import _read_header
from molmoact2_ros.model.config import MolmoAct2Config
from molmoact2_ros.model.layout import foreign_folder
from molmoact2_ros.model.shard_index import INDEX_FILE, shard_names
from molmoact2_ros.policy.handshake import check_handshake
from molmoact2_ros.processing.processor import Processor

pytestmark = pytest.mark.slow

TINY = Path(__file__).parents[1] / "data" / "parity" / "tiny_think"
DROID = Embodiment.load("droid")
SEED = 7
LONGEST_SENTENCE = 450  # some 300, and a path of pytest's
FILES = {"config.json": 400, "norm_stats.json": 400, "processor_config.json": 200, "tokenizer_config.json": 100}
ODD = (
    None, True, 0, -1, 3, 1.5, "", "x", "9" * 400, 10**400, -(10**400), 2**63, 1e308, float("nan"), float("inf"), [],
    {}, [None], [[1]], ["a", 2], {"a": None}, "x" * 5000, [0.5] * 3000, "2026-11-28", "\udcff", "\0",
)  # fmt: skip


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (container, key) of a JSON value."""
    for key in content if isinstance(content, dict) else range(len(content)):
        yield content, key
        if isinstance(content[key], (dict, list)):
            yield from _places(content[key])


def _mutated(content: Any, source: random.Random) -> str:
    """Return the text of a JSON value after one change of its values, its keys or its characters."""
    container, key = source.choice(list(_places(content)))
    kind = source.randrange(4)
    if kind == 0:
        container[key] = source.choice(ODD)
    elif kind == 1:
        del container[key]
    elif kind == 2 and isinstance(container, dict):
        container[str(source.choice(ODD))[:60]] = container.pop(key)
    text = json.dumps(content)
    if kind == 3:
        start = source.randrange(len(text))
        cut = text[start : start + source.randrange(1, 40)]
        return text[:start] + cut * source.choice((0, 2)) + text[start + len(cut) :]
    return text


def _load(folder: Path) -> None:
    foreign_folder(folder)
    check_handshake(DROID, Processor.load(folder).stats.tag("franka_droid"))
    MolmoAct2Config.load(folder)


def _expect_a_sentence_at_most(load: Any, *args: Any) -> None:
    said = ""
    try:
        load(*args)
    except (ValueError, OSError) as error:
        said = str(error)
    assert len(said) < LONGEST_SENTENCE, said
    assert "\n" not in said


@pytest.mark.parametrize(("name", "count"), FILES.items())
def test_a_mutated_file_loads_or_is_refused_in_a_sentence(name: str, count: int, tmp_path: Path) -> None:
    folder, source = tmp_path / "c", random.Random(SEED)
    shutil.copytree(TINY, folder)
    original = (TINY / name).read_text()
    for _ in range(count):
        (folder / name).write_text(_mutated(json.loads(original), source))
        for load in (_load, MolmoAct2Config.load):  # a fault that the first reader finds hides what the second does
            _expect_a_sentence_at_most(load, folder)


def test_a_mutated_tokenizer_loads_or_is_refused_in_a_sentence(tmp_path: Path) -> None:
    folder, source = tmp_path / "c", random.Random(SEED)
    shutil.copytree(TINY, folder)
    original = (TINY / "tokenizer.json").read_text()
    for _ in range(100):
        (folder / "tokenizer.json").write_text(_mutated(json.loads(original), source))
        _expect_a_sentence_at_most(_load, folder)


def test_a_mutated_index_of_shards_loads_or_is_refused_in_a_sentence(tmp_path: Path) -> None:
    source, path = random.Random(SEED), tmp_path / INDEX_FILE
    for _ in range(300):
        content = {
            "metadata": {"total_size": 9},
            "weight_map": {f"t{i}": f"model-{i % 2}.safetensors" for i in range(6)},
        }
        path.write_text(_mutated(content, source))
        _expect_a_sentence_at_most(shard_names, path)


def test_a_mutated_header_of_weights_loads_or_is_refused_in_a_sentence(tmp_path: Path) -> None:
    source, path = random.Random(SEED), tmp_path / "model.safetensors"
    for _ in range(600):
        spans = {f"t{i}": {"dtype": "F32", "shape": [2, 2], "data_offsets": [16 * i, 16 * i + 16]} for i in range(4)}
        header = _mutated({"__metadata__": {"format": "pt"}, **spans}, source).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(64))
        _expect_a_sentence_at_most(_read_header, path)
