# SPDX-License-Identifier: Apache-2.0
"""Strict, typed reading of YAML and JSON files, and of values in sentences of ours."""

from __future__ import annotations

import dataclasses
import json
import math
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


class SchemaError(ValueError):
    """A file cannot be used; one sentence says what was expected, what came, and what to do."""


LONGEST_TEXT = 300  # characters: two lines of a terminal
LONGEST_VALUE = 160
MOST_NAMES = 24  # the joints of two arms with hands


class _Short(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:  # noqa: ARG002
        # Python refuses to print a number of more than 4300 digits.
        return f"a whole number of {x.bit_length()} bits" if x.bit_length() > 1024 else repr(x)


_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = LONGEST_VALUE // 2
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 8
_SHORT.maxlevel = 2


def brief(value: Any) -> str:
    """Return what `repr` gives, shortened."""
    return shortened(_SHORT.repr(value), LONGEST_VALUE)


def shortened(text: object, length: int = LONGEST_TEXT) -> str:
    """Return a text of at most `length` characters, in one line."""
    line = " ".join(str(text).split())
    return line if len(line) <= length else f"{line[: length - 3]}..."


def quoted(text: str, most: int = LONGEST_TEXT) -> str:
    """Return a text as it is, cut after `most` characters with how many there were."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def listed(names: Iterable[Any]) -> str:
    """Return names separated by commas, each and all of them shortened; "none" when there is none."""
    texts = [quoted(name, 64) if isinstance(name, str) else brief(name) for name in names]
    rest = len(texts) - MOST_NAMES
    return ", ".join(texts[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "") or "none"


_REQUIRED: Any = object()


class Section:
    """Take keys out of one mapping of a YAML file; `finish` rejects the ones that were not taken."""

    def __init__(self, content: Any, where: str) -> None:
        """Wrap a mapping.

        Args:
            content: the parsed YAML value.
            where: file and key path, for error messages.

        Raises:
            SchemaError: content is not a mapping, or a key is no text.
        """
        if not isinstance(content, Mapping):
            raise SchemaError(f"{where}: expected keys and values, got {type(content).__name__}")
        for key in content:
            # YAML reads 1, 2026-11-28, 1:30 and no as numbers, dates and false.
            if not isinstance(key, str) or not key:
                raise SchemaError(
                    f"{where}: expected a text as key, got {brief(key)} ({type(key).__name__}); put it in quotes"
                )
            if len(key) > LONGEST_TEXT:
                raise SchemaError(f"{where}: expected keys of at most {LONGEST_TEXT} characters, got {brief(key)}")
        self._content = dict(content)
        self._known: list[str] = []
        self.where = where

    def text(self, key: str, default: str = _REQUIRED) -> str:
        """Return a non-empty string."""
        value = self._take(key, default)
        if not isinstance(value, str) or not (value or default == ""):
            quote = "; put it in quotes" if value is not None and not isinstance(value, (str, list, dict)) else ""
            raise SchemaError(f"{self.where}.{key}: expected text, got {brief(value)}{quote}")
        return self._bounded(key, value)

    def number(self, key: str, default: float = _REQUIRED) -> float:
        """Return a finite number as float."""
        return self._finite(key, self._take(key, default))

    def numbers(self, key: str, length: int) -> tuple[float, ...]:
        """Return a list of `length` finite numbers."""
        value = self._take(key, _REQUIRED)
        if not isinstance(value, list) or len(value) != length:
            raise SchemaError(f"{self.where}.{key}: expected a list of {length} numbers, got {brief(value)}")
        return tuple(self._finite(key, item) for item in value)

    def flag(self, key: str, default: bool = _REQUIRED) -> bool:
        """Return true or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise SchemaError(f"{self.where}.{key}: expected true or false, got {brief(value)}")
        return value

    def integer(self, key: str, default: int = _REQUIRED) -> int:
        """Return a whole number."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise SchemaError(f"{self.where}.{key}: expected a whole number, got {brief(value)}")
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str = _REQUIRED) -> str:
        """Return one of the given strings."""
        value = self._take(key, default)
        if not isinstance(value, str) or value not in choices:
            raise SchemaError(f"{self.where}.{key}: expected one of {', '.join(choices)}, got {brief(value)}")
        return value

    def section(self, key: str, default: Mapping[str, Any] = _REQUIRED) -> Section:
        """Return a nested mapping."""
        return Section(self._take(key, default), f"{self.where}.{key}")

    def sections(self, key: str, default: list[Any] = _REQUIRED) -> list[Section]:
        """Return a list of mappings, which is empty by default alone."""
        value = self._take(key, default)
        if not isinstance(value, list) or not (value or value is default):
            raise SchemaError(f"{self.where}.{key}: expected a list with at least one entry, got {brief(value)}")
        return [Section(item, f"{self.where}.{key}[{index}]") for index, item in enumerate(value)]

    def named_sections(self, key: str, default: Mapping[str, Any] = _REQUIRED) -> dict[str, Section]:
        """Return a mapping of names to mappings."""
        parent = self.section(key, default)
        return {name: Section(item, f"{parent.where}.{name}") for name, item in parent._content.items()}

    def texts(self, key: str) -> dict[str, str]:
        """Return a mapping of names to strings."""
        parent = self.section(key)
        return {name: parent.text(name) for name in list(parent._content)}

    def words(self, key: str, default: tuple[str, ...] = _REQUIRED) -> tuple[str, ...]:
        """Return a list of non-empty strings."""
        value = self._take(key, default)
        if not isinstance(value, (list, tuple)) or not all(isinstance(word, str) and word for word in value):
            raise SchemaError(f"{self.where}.{key}: expected a list of texts, got {brief(value)}")
        return tuple(self._bounded(key, word) for word in value)

    def __contains__(self, key: str) -> bool:
        """Return whether a key is there that was not taken yet."""
        return key in self._content

    def remaining(self) -> list[str]:
        """Return the keys that were not taken yet."""
        return list(self._content)

    def finish(self) -> None:
        """Raise SchemaError if a key is left that no reader asked for."""
        if self._content:
            raise SchemaError(
                f"{self.where}: unknown key {listed(self._content)}; known keys: {', '.join(sorted(self._known))}; "
                "remove it or correct its spelling"
            )

    def _take(self, key: str, default: Any) -> Any:
        self._known.append(key)
        if key in self._content:
            return self._content.pop(key)
        if default is _REQUIRED:
            raise SchemaError(f"{self.where}: key {key!r} is missing; add it")
        return default

    def _bounded(self, key: str, value: str) -> str:
        if len(value) > LONGEST_TEXT:
            raise SchemaError(
                f"{self.where}.{key}: expected at most {LONGEST_TEXT} characters, got {len(value)}: {brief(value)}"
            )
        return value

    def _finite(self, key: str, value: Any) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:  # a whole number of more than 308 digits
                number = math.inf
            if math.isfinite(number):
                return number
        raise SchemaError(f"{self.where}.{key}: expected a finite number, got {brief(value)}")


class _DoubledYamlKey(yaml.MarkedYAMLError):
    """A key stands twice in one mapping."""


class _StrictLoader(yaml.SafeLoader):
    """Look at the keys of a mapping as they are written, before merge keys bring in those of another one."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: dict[Any, yaml.Mark] = {}
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                key = self._key(key_node)
                if key in seen:
                    raise _DoubledYamlKey(
                        context_mark=seen[key], problem=key_node.value, problem_mark=key_node.start_mark
                    )
                seen[key] = key_node.start_mark
        return node

    def _key(self, node: yaml.ScalarNode) -> Any:
        """Return the key as the mapping will have it: 1 and 0x1 are the same one."""
        return "<<" if node.tag == "tag:yaml.org,2002:merge" else self.construct_object(node)


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file.

    Raises:
        SchemaError: the file cannot be read, is not valid YAML, or a key stands in it twice.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except OSError as error:
        raise SchemaError(f"{path}: {error.strerror}; correct the path") from error
    except _DoubledYamlKey as error:
        raise SchemaError(
            f"{path}: expected every key once, got {brief(error.problem)} on {_place(error.context_mark)} and again on "
            f"{_place(error.problem_mark)}; delete one of them"
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, or a date that is none
        raise SchemaError(f"{path}: not valid YAML: {' '.join(str(error).split())[:400]}; correct it") from error


def _place(mark: yaml.Mark | None) -> str:
    assert mark is not None
    return f"line {mark.line + 1} (column {mark.column + 1})"


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
    except _DoubledJsonKey as error:
        raise JsonFileError(f"{path} has the key {error} twice in one object: remove the wrong one") from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits are a plain ValueError
        raise JsonFileError(
            f"{path} is not readable JSON ({shortened(error, 150)}): correct it, or download it again"
        ) from error
    if not isinstance(content, dict):
        raise JsonFileError(f"{path} must hold a JSON object, but holds {brief(content)}")
    return content


class _DoubledJsonKey(Exception):
    """A key that an object has twice."""


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise _DoubledJsonKey(brief(next(name for name in names if names.count(name) > 1)))
    return content


def param(
    default: Any,
    description: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    note: str = "",
    name: str = "",
    mutable: bool = False,
) -> Any:
    """Describe one setting as a dataclass field.

    Args:
        default: bool, int, float, str or tuple of str; its type is the parameter's type.
        description: one sentence for `ros2 param describe`.
        unit: appended to the description.
        low: smallest value allowed; None for no bound.
        high: largest value allowed; None for no bound.
        note: for the documentation: why the default is what it is, or what else to know.
        name: of the ROS parameter where it is not the field's, since a node's names are flat.
        mutable: may change while the node runs; the node must then listen for it.
    """
    metadata = {"description": description, "unit": unit, "low": low, "high": high, "note": note, "name": name}
    return dataclasses.field(default=default, metadata=metadata | {"mutable": mutable})


def parameter_name(field: dataclasses.Field[Any]) -> str:
    """Return the name of the ROS parameter."""
    return str(field.metadata["name"] or field.name)


def group_in(field: dataclasses.Field[Any]) -> type[Any] | None:
    """Return the settings class that a field holds; None for a single setting."""
    group = field.default_factory
    return group if isinstance(group, type) and dataclasses.is_dataclass(group) else None


def settings_in(kind: type[Any]) -> Iterator[dataclasses.Field[Any]]:
    """Yield the field of every single setting of a settings class, those of its groups in their place."""
    for field in dataclasses.fields(kind):
        group = group_in(field)
        if group is None:
            yield field
        else:
            yield from settings_in(group)
