# SPDX-License-Identifier: Apache-2.0
"""Read the small files of a checkpoint folder so that whatever is missing is named with its file."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any, TypeVar

from tokenizers import Tokenizer

from molmoact2_ros.embodiment import DoubledKeyError, parse_json

from .errors import ProcessingError

_T = TypeVar("_T")

_NAMES: dict[type, str] = {
    bool: "true or false",
    dict: "an object",
    float: "a number",
    int: "a whole number",
    list: "a list",
    str: "a text",
}


def require_file(folder: Path, name: str) -> Path:
    """Return the path of a file in a checkpoint folder.

    Raises:
        ProcessingError: the folder or the file does not exist.
    """
    if not folder.is_dir():
        raise ProcessingError(f"Checkpoint folder {folder} does not exist; give the folder that holds {name}.")
    path = folder / name
    if not path.is_file():
        raise ProcessingError(f"Checkpoint folder {folder} lacks {name}; download the whole checkpoint again.")
    return path


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Return the JSON object in a file of a checkpoint folder.

    Raises:
        ProcessingError: the file is missing, is not JSON, has a key twice, or holds no object.
    """
    path = require_file(folder, name)
    try:
        content = parse_json(path.read_text(encoding="utf-8"), path)
    except DoubledKeyError as error:
        raise ProcessingError(f"{error}.") from error
    except ValueError as error:
        raise ProcessingError(f"{path} is not readable JSON ({error}); download it again.") from error
    if not isinstance(content, dict):
        raise ProcessingError(f"{path} must hold a JSON object, not a {type(content).__name__}.")
    return content


def require_field(mapping: dict[str, Any], key: str, where: str) -> Any:
    """Return `mapping[key]`; `where` names the file, and the section in it, for the error.

    Raises:
        ProcessingError: the field is missing or null.
    """
    value = mapping.get(key)
    if value is None:
        raise ProcessingError(f"{where} lacks the field '{key}'; the checkpoint must give it, there is no default.")
    return value


def require_typed(mapping: dict[str, Any], key: str, kind: type[_T], where: str) -> _T:
    """Return `mapping[key]`, of one of the types that JSON knows; a whole number is also a `float`.

    Raises:
        ProcessingError: the field is missing, null or of another type.
    """
    value = require_field(mapping, key, where)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ProcessingError(f"{where} field '{key}' must be {_NAMES[kind]}, not {brief(value)}.")
    return value


def require_int(mapping: dict[str, Any], key: str, where: str, at_least: int | None = None) -> int:
    """Return `mapping[key]`, a whole number; `where` names the file, and the section in it, for the error.

    Raises:
        ProcessingError: the field is missing, null, no whole number or too small.
    """
    value = require_typed(mapping, key, int, where)
    if at_least is not None and value < at_least:
        raise ProcessingError(f"{where} field '{key}' must be at least {at_least}, not {value}.")
    return value


def optional_list(mapping: dict[str, Any], key: str, kind: type[_T], where: str) -> list[_T]:
    """Return the list `mapping[key]` of values of one type; empty where it is missing or null.

    Raises:
        ProcessingError: the field is no list, or holds a value of another type.
    """
    if mapping.get(key) is None:
        return []
    values = require_typed(mapping, key, list, where)
    if not all(type(value) is kind for value in values):
        raise ProcessingError(f"{where} field '{key}' must be a list, each of it {_NAMES[kind]}, not {brief(values)}.")
    return values


def brief(value: object) -> str:
    """Show a value in a sentence, long ones cut short."""
    return reprlib.repr(value)


def load_tokenizer(folder: Path, name: str = "tokenizer.json") -> Tokenizer:
    """Return the tokenizer of a checkpoint folder, without the padding and truncation that its file may ask for.

    Raises:
        ProcessingError: the file is missing or no tokenizer.
    """
    path = require_file(folder, name)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no narrower class on a malformed file
        raise ProcessingError(f"{path} is not a readable tokenizer ({error}); download it again.") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
