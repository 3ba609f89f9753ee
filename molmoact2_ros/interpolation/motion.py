# SPDX-License-Identifier: Apache-2.0
"""Positions with their first two derivatives: the value that every part of this room passes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True)
class Motion:
    """Positions, velocities and accelerations, each [joints] (one state) or [times, joints]."""

    positions: Vector
    velocities: Vector
    accelerations: Vector

    @classmethod
    def resting(cls, positions: Vector) -> Motion:
        """Return no motion at `positions`, of any shape."""
        return cls(positions, np.zeros_like(positions), np.zeros_like(positions))

    @classmethod
    def joined(cls, parts: list[Motion]) -> Motion:
        """Return parts [times, joints] one after the other."""
        return cls(
            np.concatenate([part.positions for part in parts]),
            np.concatenate([part.velocities for part in parts]),
            np.concatenate([part.accelerations for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, key: int | slice | Times | None) -> Motion:
        return Motion(self.positions[key], self.velocities[key], self.accelerations[key])

    def __add__(self, other: Motion) -> Motion:
        return Motion(
            self.positions + other.positions,
            self.velocities + other.velocities,
            self.accelerations + other.accelerations,
        )

    def __sub__(self, other: Motion) -> Motion:
        return Motion(
            self.positions - other.positions,
            self.velocities - other.velocities,
            self.accelerations - other.accelerations,
        )
