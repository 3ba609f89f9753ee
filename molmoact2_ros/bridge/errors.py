# SPDX-License-Identifier: Apache-2.0
"""The one error of this room: a driver profile that the bridge cannot serve."""

from __future__ import annotations


class BridgeError(ValueError):
    """Say in one sentence what was expected, what came, and what to do."""
