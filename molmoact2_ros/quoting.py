# SPDX-License-Identifier: Apache-2.0
"""Values and texts of others in sentences of ours: bounded, since a file or a message may hold megabytes."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from typing import Any

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
