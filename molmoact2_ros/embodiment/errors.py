# SPDX-License-Identifier: Apache-2.0
"""The one error of this room: a file that describes a robot cannot be used."""

from __future__ import annotations


class EmbodimentError(ValueError):
    """Say which file and key are wrong, what was expected, what came and what to do."""
