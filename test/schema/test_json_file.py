# SPDX-License-Identifier: Apache-2.0
"""Pins what a JSON file of a checkpoint is refused for, always in one short sentence that names the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from molmoact2_ros.schema import JsonFileError, brief, read_json_object

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 11000000\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty: delete it and download it again"),
        (POINTER, "is a git-lfs pointer, not the file itself: run `git lfs pull`"),
        ('{"a": 1', "is not readable JSON"),
        ("[" * 100_000, "is not readable JSON"),
        ('{"a": ' + "9" * 5000 + "}", "is not readable JSON"),
        ("[1]", r"must hold a JSON object, but holds \[1\]"),
        ('{"outer": {"q01": [0], "q01": [1]}}', "has the key 'q01' twice in one object"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_in_one_short_sentence(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(JsonFileError, match=words) as caught:
        read_json_object(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 300


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(JsonFileError, match="is not readable JSON"):
        read_json_object(tmp_path / "config.json")


@pytest.mark.parametrize("value", ["x" * 5000, [1.5] * 5000, 10**400, {"a": {"b": "y" * 900}}])
def test_long_values_are_shown_short(value: object) -> None:
    assert len(brief(value)) <= 120
