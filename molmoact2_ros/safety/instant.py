# SPDX-License-Identifier: Apache-2.0
"""The present on both clocks, handed in by the caller: nothing in this room looks at a clock."""

from __future__ import annotations

from dataclasses import dataclass

NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Instant:
    """`ros_ns` is compared with stamps; `steady_ns` measures silence, whatever happens to the wall clock."""

    ros_ns: int
    steady_ns: int

    def since_s(self, earlier: Instant) -> float:
        """Return the steady seconds since an earlier instant."""
        return (self.steady_ns - earlier.steady_ns) / NS_PER_S

    def age_s(self, stamp_ns: int) -> float:
        """Return the ROS seconds since a stamp; negative when the stamp lies in the future."""
        return (self.ros_ns - stamp_ns) / NS_PER_S
