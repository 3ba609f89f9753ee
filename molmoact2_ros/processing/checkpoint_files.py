# SPDX-License-Identifier: Apache-2.0
"""Read the small files of a checkpoint folder so that whatever is missing is named with its file."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any, TypeVar

from tokenizers import Tokenizer

from molmoact2_ros.schema import JsonFileError, brief, placeholder, read_json_object, shortened

from .errors import ProcessingError

_T = TypeVar("_T")

LARGEST_INT = 2**31 - 1  # no id, size or count of a checkpoint is larger
MAX_FLOAT = sys.float_info.max

_NAMES: dict[type, str] = {
    bool: "true or false",
    dict: "an object",
    float: "a finite number",
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
        ProcessingError: the file is missing, or `read_json_object` finds it unusable.
    """
    path = require_file(folder, name)
    try:
        return read_json_object(path)
    except JsonFileError as error:
        raise ProcessingError(f"{error}.") from error


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
    if kind is float and type(value) is int and abs(value) <= MAX_FLOAT:
        value = float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise ProcessingError(f"{where} field '{key}' must be {_NAMES[kind]}, not {brief(value)}.")
    return value


def require_int(mapping: dict[str, Any], key: str, where: str, at_least: int | None = None) -> int:
    """Return `mapping[key]`, a whole number; `where` names the file, and the section in it, for the error.

    Raises:
        ProcessingError: the field is missing, null, no whole number, too small or too large.
    """
    value = require_typed(mapping, key, int, where)
    if at_least is not None and value < at_least:
        raise ProcessingError(f"{where} field '{key}' must be at least {at_least}, not {brief(value)}.")
    if abs(value) > LARGEST_INT:
        raise ProcessingError(f"{where} field '{key}' must be at most {LARGEST_INT} in size, not {brief(value)}.")
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


def load_tokenizer(folder: Path, name: str = "tokenizer.json") -> Tokenizer:
    """Return the tokenizer of a checkpoint folder, without the padding and truncation that its file may ask for.

    Raises:
        ProcessingError: the file is missing, empty, a git-lfs pointer, or no tokenizer.
    """
    path = require_file(folder, name)
    if found := placeholder(path):
        raise ProcessingError(f"{found}.")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except BaseException as error:  # the library raises no narrower class on a malformed file, and panics on some
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        raise ProcessingError(
            f"{path} is not a readable tokenizer ({shortened(error, 150)}); download it again."
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
