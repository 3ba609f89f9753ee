# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 faults`: what can go wrong as plain data (`catalogue`), how it is brought about, watched and measured."""

from .command import add_parser

__all__ = ["add_parser"]
