# SPDX-License-Identifier: Apache-2.0
"""One thing that was looked at, and the verdict. Plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from molmoact2_ros.schema import shortened

OK, WARNING, FAILED = "ok", "warning", "failed"


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found, what was expected, what to do; the last two may be empty when it is ok."""

    name: str
    status: str
    found: str
    expected: str = ""
    remedy: str = ""


def ok(name: str, found: str, expected: str = "") -> Check:
    """Return a check that passed."""
    return Check(name, OK, found, expected)


def warning(name: str, found: str, expected: str, remedy: str) -> Check:
    """Return a check that lets the robot run, less well or unproven."""
    return Check(name, WARNING, found, expected, remedy)


def failed(name: str, found: str, expected: str, remedy: str) -> Check:
    """Return a check that must pass before the robot is armed."""
    return Check(name, FAILED, found, expected, remedy)


def contained(name: str, look: Callable[..., Check | Iterable[Check]], *args: Any, **options: Any) -> Iterator[Check]:
    """Pass on what a look at something gives; an unexpected error in it becomes a check that failed.

    So the looks after it still take place.

    Args:
        name: of the check that stands for the error.
        look: called with the other arguments.
        args: for `look`.
        options: for `look`.
    """
    try:
        found = look(*args, **options)
        yield from (found,) if isinstance(found, Check) else found
    except Exception as error:
        said = shortened(f"{type(error).__name__}: {error}")
        yield failed(name, f"this check broke off ({said})", "a verdict", "check it by hand, and report the error")
