# SPDX-License-Identifier: Apache-2.0
"""Texts of others in sentences of ours: bounded, since what sends them may send megabytes."""

from __future__ import annotations

from collections.abc import Sequence

MOST_NAMES = 20  # no robot of this package has more joints
MOST_CHARACTERS = 300  # two lines of a terminal


def quoted(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return a text, cut after `most` characters."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def listed(names: Sequence[str]) -> str:
    """Return names separated by commas, the first MOST_NAMES of them; "none" when there is none."""
    shown = ", ".join(quoted(name, 64) for name in names[:MOST_NAMES])
    rest = len(names) - MOST_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown or "none"
