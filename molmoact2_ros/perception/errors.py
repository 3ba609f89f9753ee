# SPDX-License-Identifier: Apache-2.0
"""The one error of this room: something that a sensor sent cannot be used."""

from __future__ import annotations


class PerceptionError(ValueError):
    """Say in one sentence what was expected, what came, and what to do."""
