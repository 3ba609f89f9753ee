# SPDX-License-Identifier: Apache-2.0
"""What was heard of one camera."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.perception import Frame

from .arrivals import Arrivals


@dataclass(frozen=True, eq=False)
class CameraRecord:
    """When frames came, the checksum of each, and the newest one with its frame_id; None before the first."""

    arrivals: Arrivals
    checksums: tuple[int, ...] = ()
    newest: Frame | None = None
    frame_id: str = ""
