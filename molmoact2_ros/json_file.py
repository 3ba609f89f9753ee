# SPDX-License-Identifier: Apache-2.0
"""The one reader of a checkpoint's JSON files, for the rooms `model` and `processing`.

What a download leaves instead of a file (nothing, a git-lfs pointer) is recognised before anything is parsed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from molmoact2_ros.quoting import brief, shortened

LFS_POINTER = b"version https://git-lfs"


class JsonFileError(ValueError):
    """A file that holds no JSON object, or none that can be used; one sentence names the file."""


def placeholder(path: Path) -> str:
    """Say what stands in the place of a file's content; empty where it has one.

    Args:
        path: an existing file.
    """
    with path.open("rb") as file:
        start = file.read(len(LFS_POINTER))
    if not start:
        return f"{path} is empty: delete it and download it again"
    if start == LFS_POINTER:
        return f"{path} is a git-lfs pointer, not the file itself: run `git lfs pull` in {path.parent}"
    return ""


def read_json_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        JsonFileError: the file is empty, a git-lfs pointer, or not JSON; holds something else than an object; or an
            object in it has a key twice, of which only the last would count.
        OSError: it cannot be read.
    """
    if found := placeholder(path):
        raise JsonFileError(found)
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_without_doubles)
    except _DoubledKey as error:
        raise JsonFileError(f"{path} has the key {error} twice in one object: remove the wrong one") from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits are a plain ValueError
        raise JsonFileError(
            f"{path} is not readable JSON ({shortened(error, 150)}): correct it, or download it again"
        ) from error
    if not isinstance(content, dict):
        raise JsonFileError(f"{path} must hold a JSON object, but holds {brief(content)}")
    return content


class _DoubledKey(Exception):
    """A key that an object has twice."""


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise _DoubledKey(brief(next(name for name in names if names.count(name) > 1)))
    return content
