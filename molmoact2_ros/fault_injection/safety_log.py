# SPDX-License-Identifier: Apache-2.0
"""What safety has written to its log since a fault began."""

from __future__ import annotations

from pathlib import Path


class SafetyLog:
    """One log file, looked at from a mark on."""

    def __init__(self, path: Path) -> None:
        """Take the file, which need not exist yet."""
        self._path, self._from = path, 0

    def mark(self) -> None:
        """Forget what was written until now."""
        self._from = self._path.stat().st_size if self._path.exists() else 0

    def has_stop(self, text: str) -> bool:
        """Return whether a line since the mark gives the reason of a stop.

        Answers to services, which repeat it, do not count; what follows a semicolon may change while the arm brakes.
        """
        return any(reason(text) in line for line in self._lines() if not line.startswith("~/"))

    def _lines(self) -> list[str]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as log:
            log.seek(self._from)
            return [line.partition("]: ")[2] for line in log.read().decode(errors="replace").splitlines()]


def reason(text: str) -> str:
    """Return the first part of a stop's sentence."""
    return text.partition(";")[0]
