# SPDX-License-Identifier: Apache-2.0
"""Small random checkpoints in the released on-disk layout: for tests, and as the start of the demo's fit."""

from .sizes import TinySizes
from .tags import TagText, tag_metadata
from .writer import check_may_write, write_tiny_checkpoint

__all__ = [
    "TagText",
    "TinySizes",
    "check_may_write",
    "tag_metadata",
    "write_tiny_checkpoint",
]
