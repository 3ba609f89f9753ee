# SPDX-License-Identifier: Apache-2.0
"""How the timeline is followed, braked and joined: the tuning of this room, the same for every robot."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from molmoact2_ros.schema import param

MODES = ("receding", "ensemble", "rtc")
SEAMS = ("fade", "correction")
SPEED_SCALES = (0.1, 1.0)


@dataclass(frozen=True)
class InterpolationSettings:
    """Tuning. Ratios are fractions of each joint's velocity or acceleration limit. Figures of seams: doc/seams.md."""

    mode: str = param(
        "receding",
        "Which chunks are followed: receding (the newest), ensemble (the weighted mean of all that reach the present), "
        "rtc (the newest, which the policy has guided to continue the one before; give the policy the same)",
    )
    seam: str = param(
        "correction",
        "How the difference between two chunks fades: correction (with the least change of jerk) or fade (exact after "
        "blend_s, violent where chunks are far apart; with a blend_s of 0.3)",
        note="correction also smooths rows by blend_s / 16; where chunks are far apart, safety refuses fade",
    )
    ensemble_decay: float = param(
        0.01,
        "With ensemble: how much more the older of two chunks weighs, exp(decay); below 0, the newer",
        low=-5.0,
        high=5.0,
        note="that of ACT",
    )
    executed_steps: int = param(
        0,
        "Rows of a chunk that may be executed, counted from its observation; 0: all of them. A cap: newer chunks win",
        low=0,
        high=1000,
    )
    blend_s: float = param(
        0.85,
        "Time in which the difference between two chunks fades at a seam",
        unit="s",
        low=0.02,
        high=2.0,
        note="the least at which correction leaves no more jerk at seams than chunks have inside, at delays up to "
        "0.27 s. With fade an offset d asks for up to 5.8 d / blend_s^2 of acceleration: 0.3 s turns 0.05 rad into "
        "3.2 rad/s2",
    )
    brake_acceleration_ratio: float = param(
        0.5,
        "Deceleration of the brake, as a part of each joint's acceleration limit",
        low=0.1,
        high=0.9,
        note="half the limit leaves the controller room to follow",
    )
    brake_jerk_s: float = param(
        0.04,
        "Time from no to full deceleration of the brake; a longer one lets speed rise more before it falls",
        unit="s",
        low=0.02,
        high=0.1,
        note="two command periods at 50 Hz, so that the points on the command's grid still show it. A motion with "
        "acceleration a overshoots its speed by a^2 x brake_jerk_s / (2 x deceleration of the brake)",
    )
    ramp_start_ratio: float = param(
        0.2,
        "Bound of velocity and acceleration when motion begins, as a part of the limits",
        low=0.05,
        high=1.0,
        note="motion begins after arming, and after a time without a chunk to follow",
    )
    ramp_full_ratio: float = param(
        0.8,
        "What that bound grows to while motion has not reached the timeline",
        low=0.05,
        high=1.0,
        note="below 1 on purpose",
    )
    ramp_s: float = param(
        2.0,
        "Time in which that bound grows; a timeline that is out of reach even then is left to safety",
        unit="s",
        low=0.1,
        high=10.0,
    )
    ramp_jerk_s: float = param(
        0.1,
        "Time from no to full acceleration when motion begins",
        unit="s",
        low=0.02,
        high=1.0,
    )
    home_ratio: float = param(
        0.2,
        "Bound of velocity and acceleration on the way home, as a part of the limits",
        low=0.05,
        high=0.8,
    )
    speed_scale: float = param(
        1.0,
        "How fast chunks are executed, as a part of their own speed, for bring-up; give safety and the policy the same",
        low=SPEED_SCALES[0],
        high=SPEED_SCALES[1],
        note="below 1 the path stays, rows lie 1 / speed_scale as far apart in time, seams and ramps take as much "
        "longer; brakes stay as hard as they are",
    )

    def __post_init__(self) -> None:
        """Raise ValueError when a value cannot be used."""
        for name, choices in (("mode", MODES), ("seam", SEAMS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {getattr(self, name)!r}")
        if not math.isfinite(self.ensemble_decay):
            raise ValueError(f"ensemble_decay: expected a finite number, got {self.ensemble_decay}")
        if self.executed_steps < 0 or self.executed_steps == 1:
            raise ValueError(f"executed_steps: expected 0 (all rows) or at least 2, got {self.executed_steps}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith(("_s", "_ratio")) and not value > 0:
                raise ValueError(f"{field.name}: expected a positive number, got {value}")
            if field.name.endswith("_ratio") and not value <= 1:
                raise ValueError(f"{field.name}: expected at most 1, got {value}")
        low, high = SPEED_SCALES
        if not low <= self.speed_scale <= high:
            raise ValueError(f"speed_scale: expected {low} to {high}, got {self.speed_scale}")
        if self.ramp_start_ratio > self.ramp_full_ratio:
            raise ValueError(
                f"ramp_start_ratio {self.ramp_start_ratio} exceeds ramp_full_ratio {self.ramp_full_ratio}; lower it"
            )
