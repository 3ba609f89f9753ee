# SPDX-License-Identifier: Apache-2.0
"""Read a mapping from a configuration file so that every key is used, typed and named in the error when it is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from molmoact2_ros.quoting import brief, listed

from .errors import EmbodimentError

_REQUIRED: Any = object()
LONGEST_TEXT = 300  # characters of a name, a path or a sentence; a longer one is a slip, and would fill the errors


class Section:
    """Take keys out of one mapping of a YAML file; `finish` refuses the ones nobody took."""

    def __init__(self, content: Any, where: str) -> None:
        """Wrap a mapping.

        Args:
            content: the parsed YAML value.
            where: file and key path, for error messages.

        Raises:
            EmbodimentError: content is not a mapping, or a key is no text.
        """
        if not isinstance(content, Mapping):
            raise EmbodimentError(f"{where}: expected keys and values, got {type(content).__name__}")
        for key in content:
            # YAML reads 1, 2026-11-28, 1:30 and no as numbers, dates and false.
            if not isinstance(key, str) or not key:
                raise EmbodimentError(
                    f"{where}: expected a text as key, got {brief(key)} ({type(key).__name__}); put it in quotes"
                )
            if len(key) > LONGEST_TEXT:
                raise EmbodimentError(f"{where}: expected keys of at most {LONGEST_TEXT} characters, got {brief(key)}")
        self._content = dict(content)
        self._known: list[str] = []
        self.where = where

    def text(self, key: str, default: str = _REQUIRED) -> str:
        """Return a non-empty string."""
        value = self._take(key, default)
        if not isinstance(value, str) or not (value or default == ""):
            quote = "; put it in quotes" if value is not None and not isinstance(value, (str, list, dict)) else ""
            raise EmbodimentError(f"{self.where}.{key}: expected text, got {brief(value)}{quote}")
        return self._bounded(key, value)

    def number(self, key: str, default: float = _REQUIRED) -> float:
        """Return a finite number as float."""
        return self._finite(key, self._take(key, default))

    def numbers(self, key: str, length: int) -> tuple[float, ...]:
        """Return a list of `length` finite numbers."""
        value = self._take(key, _REQUIRED)
        if not isinstance(value, list) or len(value) != length:
            raise EmbodimentError(f"{self.where}.{key}: expected a list of {length} numbers, got {brief(value)}")
        return tuple(self._finite(key, item) for item in value)

    def flag(self, key: str, default: bool = _REQUIRED) -> bool:
        """Return true or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise EmbodimentError(f"{self.where}.{key}: expected true or false, got {brief(value)}")
        return value

    def integer(self, key: str, default: int = _REQUIRED) -> int:
        """Return a whole number."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise EmbodimentError(f"{self.where}.{key}: expected a whole number, got {brief(value)}")
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str = _REQUIRED) -> str:
        """Return one of the given strings."""
        value = self._take(key, default)
        if not isinstance(value, str) or value not in choices:
            raise EmbodimentError(f"{self.where}.{key}: expected one of {', '.join(choices)}, got {brief(value)}")
        return value

    def section(self, key: str, default: Mapping[str, Any] = _REQUIRED) -> Section:
        """Return a nested mapping."""
        return Section(self._take(key, default), f"{self.where}.{key}")

    def sections(self, key: str, default: list[Any] = _REQUIRED) -> list[Section]:
        """Return a list of mappings, which is empty by default alone."""
        value = self._take(key, default)
        if not isinstance(value, list) or not (value or value is default):
            raise EmbodimentError(f"{self.where}.{key}: expected a list with at least one entry, got {brief(value)}")
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
            raise EmbodimentError(f"{self.where}.{key}: expected a list of texts, got {brief(value)}")
        return tuple(self._bounded(key, word) for word in value)

    def __contains__(self, key: str) -> bool:
        """Tell whether a key is there that nobody took yet."""
        return key in self._content

    def remaining(self) -> list[str]:
        """Return the keys that nobody took yet."""
        return list(self._content)

    def finish(self) -> None:
        """Raise EmbodimentError if a key is left that no reader asked for."""
        if self._content:
            raise EmbodimentError(
                f"{self.where}: unknown key {listed(self._content)}; known keys: {', '.join(sorted(self._known))}; "
                "remove it or correct its spelling"
            )

    def _take(self, key: str, default: Any) -> Any:
        self._known.append(key)
        if key in self._content:
            return self._content.pop(key)
        if default is _REQUIRED:
            raise EmbodimentError(f"{self.where}: key {key!r} is missing; add it")
        return default

    def _bounded(self, key: str, value: str) -> str:
        if len(value) > LONGEST_TEXT:
            raise EmbodimentError(
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
        raise EmbodimentError(f"{self.where}.{key}: expected a finite number, got {brief(value)}")
