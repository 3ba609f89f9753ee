# SPDX-License-Identifier: Apache-2.0
"""A clock that is set while the arm moves."""

from __future__ import annotations

from molmoact2_ros.safety.settings import Settings

from ..fault import Action, Allowance, Fault, Means, Variant
from .allowances import BRIDGE_LOOK_S


def clocks(settings: Settings) -> list[Fault]:
    """List jumps of ROS time."""
    seen = Allowance(settings.clock_jump_max_s, "until the new time has been received by all")
    repeated = Allowance(BRIDGE_LOOK_S, "until the bridge has sent the rest of the last brake by the new time")

    def fault(name: str, does: str, seconds: str, *notice: Allowance) -> Fault:
        action = Action(Means.HARDWARE, f"clock_jump {seconds}")
        return Fault(f"clock_jump_{name}", does, action, ("clock jump",), notice, variant=Variant.SIM_TIME)

    return [
        fault("forward", "ROS time jumps 1 s ahead", "1.0", seen),
        fault("back", "ROS time jumps 1 s back", "-1.0", seen, repeated),
    ]
