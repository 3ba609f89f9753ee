# SPDX-License-Identifier: Apache-2.0
"""Cameras that fail."""

from __future__ import annotations

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.perception.synchroniser import Budgets
from molmoact2_ros.safety.settings import Settings

from ..fault import Action, Allowance, Fault, Means
from .allowances import SLOWEST_RAD_S, camera_aged


def cameras(robot: Embodiment, settings: Settings) -> list[Fault]:
    """List the faults of one camera, the robot's last, and of two."""
    role, aged = robot.camera_roles[-1], camera_aged(settings)
    still = (Allowance(Budgets().moved_rad / SLOWEST_RAD_S, "motion that the image must show"), *aged)

    def fault(name: str, does: str, what: str, cause: str, notice: tuple[Allowance, ...]) -> Fault:
        return Fault(name, does, Action(Means.HARDWARE, what), (cause,), notice)

    frozen = "camera_frozen_stamp", f"{role} repeats an image with its stamp", f"camera_frozen_stamp {role}"
    same = (
        "camera_frozen_content",
        f"{role} repeats an image with new stamps, in motion",
        f"camera_frozen_content {role}",
    )
    faults = [
        fault("camera_dead", f"{role} sends nothing", f"camera_dead {role}", "stale camera", aged),
        fault(*frozen, "frozen camera", aged),
        fault(*same, "frozen camera", still),
        fault("camera_black", f"{role} sends black images", f"camera_black {role}", "frozen camera", still),
        fault("camera_delayed", f"{role} comes 500 ms late", f"camera_delayed {role} 0.5", "stale camera", aged),
    ]
    if len(robot.camera_roles) > 1:
        swap = "two cameras are on each other's topic, found by their frame_id"
        faults.append(fault("cameras_swapped", swap, "cameras_swapped", "wrong camera", aged))
    return faults
