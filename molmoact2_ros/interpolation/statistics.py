# SPDX-License-Identifier: Apache-2.0
"""What happened since arming, in numbers for diagnostics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Statistics:
    """Counters since arming. Seam figures are over arm joints."""

    commands: int = 0
    chunks: int = 0  # laid on the timeline
    ignored_chunks: int = 0  # not newer than the timeline's, seen before arming, from the future, or wholly in the past
    unusable_chunks: int = 0  # of wrong shape, joints or numbers: safety refuses commands for them
    ramps: int = 0
    starved_ticks: int = 0  # commands after the first chunk that had no row to follow
    resyncs: int = 0  # times the timeline was entered again because safety refused
    seam_offset_rad: float = 0.0  # newest seam: distance between the old and the new curve
    max_seam_offset_rad: float = 0.0
    max_seam_velocity_step_rad_s: float = 0.0  # between consecutive commands, just before and just after a seam

    def add_seam(self, offset_rad: float, velocity_step_rad_s: float) -> None:
        """Count one seam."""
        self.seam_offset_rad = offset_rad
        self.max_seam_offset_rad = max(self.max_seam_offset_rad, offset_rad)
        self.max_seam_velocity_step_rad_s = max(self.max_seam_velocity_step_rad_s, velocity_step_rad_s)
