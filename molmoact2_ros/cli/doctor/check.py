# SPDX-License-Identifier: Apache-2.0
"""One thing that was looked at, and the verdict. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

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
