# SPDX-License-Identifier: Apache-2.0
"""The depth maps of one run: which cells were decoded, at what cost. No ROS: fed with plain data, so testable.

Axes: G cells along a side of the grid.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.processing.images import ByteImage

ImageT = TypeVar("ImageT", bound=NDArray[Any])

FULL_MAPS = 1  # the first: nothing is known before
REST_MAPS = 15  # of the arm at rest, before it is armed
IMAGES = 12


@dataclass(frozen=True, eq=False)
class MapEntry:
    """One depth map.

    Attributes:
        time_s: stamp of its observation, s.
        decoded: [G, G] True: decoded from this observation; False: the code was kept.
        forwards: passes through the language model that read depth tokens.
        decoding_ms: from the start of reading the prompt to the end of the map, ms.
        moving: whether the robot was armed.
    """

    time_s: float
    decoded: NDArray[np.bool_]
    forwards: int
    decoding_ms: float
    moving: bool


class Spaced(Generic[ImageT]):
    """Keeps one image per period; `kept` are stamps in s and images."""

    def __init__(self, period_s: float) -> None:
        self._period_s, self._next_s = period_s, 0.0
        self.kept: list[tuple[float, ImageT]] = []

    def add(self, time_s: float, image: ImageT) -> None:
        """Keep a copy of an image, if it is time for one."""
        if time_s >= self._next_s:
            self._next_s = time_s + self._period_s
            self.kept.append((time_s, image.copy()))


class DepthRecord:
    """Keeps every map and, evenly spaced in time, some of their images and of what their codes stand for."""

    def __init__(self, seconds: float) -> None:
        """Prepare for a run of `seconds` armed."""
        self.maps: list[MapEntry] = []
        self.images: Spaced[ByteImage] = Spaced(seconds / (IMAGES - 2))  # u8 [H, W, 3]
        self.decoded: Spaced[NDArray[np.float32]] = Spaced(seconds / (IMAGES - 2))  # [S, S] in m

    def add(self, entry: MapEntry) -> None:
        """Note a map."""
        self.maps.append(entry)

    def figures(self) -> dict[str, int | float | None]:
        """Return what the report says of depth; None where there was no map of that kind."""
        later = self.maps[FULL_MAPS:]
        rest = [entry for entry in later if not entry.moving]
        moving = [entry for entry in later if entry.moving]
        return {
            "maps": len(self.maps),
            "pictures_in_metres": len(self.decoded.kept),
            "maps_decoded_in_full": sum(bool(entry.decoded.all()) for entry in self.maps),
            "reused_at_rest": _reused(rest),
            "reused_in_motion": _reused(moving),
            "forwards_first": self.maps[0].forwards if self.maps else None,
            "forwards_at_rest": _mean(entry.forwards for entry in rest),
            "forwards_in_motion": _mean(entry.forwards for entry in moving),
            "decoding_first_ms": self.maps[0].decoding_ms if self.maps else None,
            "decoding_at_rest_ms": _mean(entry.decoding_ms for entry in rest),
            "decoding_in_motion_ms": _mean(entry.decoding_ms for entry in moving),
        }


def _reused(entries: list[MapEntry]) -> float | None:
    return _mean(1 - entry.decoded.mean() for entry in entries)


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return round(float(np.mean(listed)), 3) if listed else None
