# SPDX-License-Identifier: Apache-2.0
"""The one form that every unit conversion of this package takes: outside = scale * inside + offset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.schema import Section

from .errors import EmbodimentError

Number = TypeVar("Number", float, NDArray[np.float64])


@dataclass(frozen=True, eq=False)
class Affine:
    """Convert between this package's units (inside) and those of a policy or a driver (outside).

    `scale` and `offset` are numbers, or vectors [joints] for values [..., joints].
    """

    scale: Any = 1.0
    offset: Any = 0.0

    @classmethod
    def of_joints(cls, units: Iterable[Affine]) -> Affine:
        """Return the conversion of vectors whose columns have these units, one for each joint."""
        units = tuple(units)
        return cls(np.array([unit.scale for unit in units]), np.array([unit.offset for unit in units]))

    @classmethod
    def read(cls, section: Section) -> Affine:
        """Read optional `scale` and `offset`; raise EmbodimentError if scale is 0."""
        scale, offset = section.number("scale", 1.0), section.number("offset", 0.0)
        if scale == 0.0:
            raise EmbodimentError(f"{section.where}.scale: expected a number other than 0")
        return cls(scale, offset)

    def outside(self, inside: Number) -> Number:
        """Convert a position from this package's unit."""
        return self.scale * inside + self.offset

    def inside(self, outside: Number) -> Number:
        """Convert a position to this package's unit."""
        return (outside - self.offset) / self.scale

    def rate_outside(self, inside: Number) -> Number:
        """Convert a velocity from this package's unit: the offset does not move."""
        return self.scale * inside

    def rate_inside(self, outside: Number) -> Number:
        """Convert a velocity to this package's unit."""
        return outside / self.scale
