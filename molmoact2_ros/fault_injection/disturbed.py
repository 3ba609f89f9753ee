# SPDX-License-Identifier: Apache-2.0
"""An injection that came to nothing."""

from __future__ import annotations


class Disturbed(ValueError):
    """The arm was stopped, by the load of this computer for example, before the fault began: it is to be repeated."""

    def __init__(self, cause: str) -> None:
        """Take the cause of that stop, in words."""
        super().__init__(f"stopped before the fault: {cause}")
