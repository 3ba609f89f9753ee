# SPDX-License-Identifier: Apache-2.0
"""Checks as lines for people, and as one JSON object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from .check import FAILED, OK, WARNING, Check

_WORDS = {OK: ("ok", "green"), WARNING: ("warning", "yellow"), FAILED: ("FAILED", "bold red")}
_NAME_WIDTH = 28


def sentence(check: Check) -> str:
    """Return what was found; where it is not ok, also what was expected and what to do."""
    if check.status == OK:
        return check.found
    return f"{check.found}; expected {check.expected}: {check.remedy}"


def print_check(console: Console, check: Check) -> None:
    """Print one line, however wide."""
    word, style = _WORDS[check.status]
    line = Text.assemble((f"{word:<8}", style), f" {check.name:<{_NAME_WIDTH}} {sentence(check)}")
    console.print(line, soft_wrap=True, highlight=False)


def summary(embodiment: str, driver: str, checks: Sequence[Check]) -> str:
    """Return the last line for people."""
    counts = Counter(check.status for check in checks)
    plural = "s" if counts[WARNING] > 1 else ""
    parts = [f"{counts[status]} {word}" for status, (word, _) in _WORDS.items() if counts[status]]
    text = ", ".join(parts).replace("warning", f"warning{plural}")
    verdict = "do not arm yet" if counts[FAILED] else "ready"
    return f"{embodiment}, driver {driver}: {text}; {verdict}"


def as_json(embodiment: str, driver: str, checks: Sequence[Check]) -> dict[str, object]:
    """Return what `--json` prints."""
    return {
        "embodiment": embodiment,
        "driver": driver,
        "checks": [asdict(check) for check in checks],
        "ok": all(check.status != FAILED for check in checks),
    }
