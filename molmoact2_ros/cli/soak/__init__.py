# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 soak`: a long run in which tools join and leave; what grows (`figures`) and what stops (`stops`)."""

from .command import add_parser

__all__ = ["add_parser"]
