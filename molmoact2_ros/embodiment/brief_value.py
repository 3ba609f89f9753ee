# SPDX-License-Identifier: Apache-2.0
"""A value as an error message shows it: shortened, so that one wrong key never fills a screen."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from typing import Any

_LONGEST = 80  # characters of one value
_MOST_NAMES = 24  # the joints of two arms with hands


class _Short(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:  # noqa: ARG002
        # Python refuses to print a number of more than 4300 digits.
        return f"a whole number of {x.bit_length()} bits" if x.bit_length() > 1024 else repr(x)


_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = _LONGEST
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 8
_SHORT.maxlevel = 2


def brief(value: Any) -> str:
    """Return what `repr` gives, shortened."""
    text = _SHORT.repr(value)
    return text if len(text) <= 2 * _LONGEST else f"{text[: 2 * _LONGEST]}..."


def listed(names: Iterable[Any]) -> str:
    """Return names joined by commas, each and all of them shortened."""
    texts = [name if isinstance(name, str) and len(name) <= _LONGEST else brief(name) for name in names]
    more = len(texts) - _MOST_NAMES
    return ", ".join(texts) if more <= 0 else f"{', '.join(texts[:_MOST_NAMES])} and {more} more"
