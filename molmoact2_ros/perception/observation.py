# SPDX-License-Identifier: Apache-2.0
"""What the policy sees: plain data, as in msg/Observation.msg."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .change_detector import CellChanges


@dataclass(frozen=True, eq=False)
class Observation:
    """One image per camera and the state that goes with them.

    `images` is uint8 [cameras, h, w, 3] RGB in the policy's order of cameras, `state` float32 [joints] in policy units
    and the embodiment's order. Stamps are ROS time. `instance_id` distinguishes one builder's sequences. `changes`
    is None where nothing is known of the depth grid.
    """

    sequence: int
    camera_stamps_ns: tuple[int, ...]
    images: NDArray[np.uint8]
    state: NDArray[np.float32]
    state_stamp_ns: int
    instance_id: int
    changes: CellChanges | None = None

    @property
    def stamp_ns(self) -> int:
        """The newest camera stamp."""
        return max(self.camera_stamps_ns)

    @property
    def skew_s(self) -> float:
        """Newest minus oldest camera stamp."""
        return (self.stamp_ns - min(self.camera_stamps_ns)) / 1e9

    def camera_ages_s(self, now_ns: int) -> list[float]:
        """Seconds from each camera stamp to `now_ns`."""
        return [(now_ns - stamp_ns) / 1e9 for stamp_ns in self.camera_stamps_ns]

    def state_age_s(self, now_ns: int) -> float:
        """Seconds from the state's stamp to `now_ns`."""
        return (now_ns - self.state_stamp_ns) / 1e9
