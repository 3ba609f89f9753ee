# SPDX-License-Identifier: Apache-2.0
"""The ways in which faults are brought about, one file each; `Injector` picks the one of a fault's means."""

from __future__ import annotations

from .injector import Injector

__all__ = [
    "Injector",
]
