# SPDX-License-Identifier: Apache-2.0
"""The one error of this room: safety cannot be configured."""

from __future__ import annotations


class SafetyError(ValueError):
    """Say what was expected, what came and what to do."""
