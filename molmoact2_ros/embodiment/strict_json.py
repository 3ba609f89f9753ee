# SPDX-License-Identifier: Apache-2.0
"""The one parser of this package's JSON files. A key that stands twice is refused, of which `json` takes the last."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from .brief_value import brief

_COLON = re.compile(r"\s*:")


class DoubledKeyError(ValueError):
    """A key stands twice in one object; says which file, where, and what to do."""


def parse_json(text: str | bytes, where: object) -> Any:
    """Return the content of a JSON file.

    Args:
        text: of the file; bytes are UTF-8.
        where: names the file in the error.

    Raises:
        DoubledKeyError: a key stands twice in one object.
        ValueError: not valid JSON, or nested too deep.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    doubled: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) != len(pairs):
            doubled.append("")
        return content

    try:
        content = json.loads(text, object_pairs_hook=collect)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if doubled:
        key, first, second = next(_doubled_keys(text))
        raise DoubledKeyError(
            f"{where}: expected every key once, got {brief(key)} on {_place(text, first)} and again on "
            f"{_place(text, second)}; delete one of them"
        )
    return content


def _doubled_keys(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield each doubled key of valid JSON with the places of both."""
    objects: list[dict[str, int]] = []
    place = 0
    while place < len(text):
        sign = text[place]
        place += 1
        if sign == "{":
            objects.append({})
        elif sign == "}":
            objects.pop()
        elif sign == '"':
            begin, (value, place) = place - 1, scanstring(text, place)
            if _COLON.match(text, place):
                if value in objects[-1]:
                    yield value, objects[-1][value], begin
                objects[-1][value] = begin


def _place(text: str, place: int) -> str:
    line = text.count("\n", 0, place)
    return f"line {line + 1} (column {place - text.rfind(chr(10), 0, place)})"
