# SPDX-License-Identifier: Apache-2.0
"""How the timeline is followed, braked and joined: the tuning of this room, robot by robot the same."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

MODES = ("receding", "ensemble", "rtc")
SEAMS = ("fade", "correction")
SPEED_SCALES = (0.1, 1.0)


@dataclass(frozen=True)
class InterpolationSettings:
    """Tuning. Ratios are fractions of each joint's velocity or acceleration limit.

    mode: `receding` follows the newest chunk, `ensemble` the weighted mean of all that reach the present. `rtc` does
        what receding does: the policy makes every chunk continue the one before.
    seam: how the difference between two chunks fades. `correction` changes the jerk of the motion under way as little
        as it can, and smooths rows by blend_s / 16. `fade` is exact after blend_s, which for it is best 0.3 s, and
        becomes violent, so that safety refuses it, where chunks are far apart. Figures: doc/seams.md.
    ensemble_decay: how much more an older chunk weighs in an ensemble: exp(decay) per chunk; below 0, the newer one.
    executed_steps: rows of a chunk that may be executed; 0 for all of them. A cap, not a schedule: newer chunks win.
    blend_s: time in which the difference between two chunks fades at a seam. 0.85 s is the least at which `correction`
        leaves no more jerk at seams than chunks have inside, at delays up to 0.27 s. With `fade` an offset d asks for
        up to 5.8 d / blend_s**2 of acceleration, so 0.3 s turns 0.05 rad into 3.2 rad/s2.
    brake_acceleration_ratio: deceleration of the brake. Half the limit leaves the controller room to follow.
    brake_jerk_s: time from no to full deceleration. Shorter: a motion that still speeds up when the brake begins
        overshoots its speed less (by a**2 * brake_jerk_s / (2 * brake deceleration)). Two command periods at 50 Hz, so
        that the points on the command's grid still show it.
    ramp_start_ratio: bound of velocity and acceleration when motion begins, after arming or after starvation.
    ramp_full_ratio: what the bound grows to while motion has not yet reached the timeline. Below 1 on purpose.
    ramp_s: time in which it grows, and after which a timeline that is still out of reach is left to safety to judge.
    ramp_jerk_s: time from no to full acceleration on a ramp.
    home_ratio: bound of velocity and acceleration on the way home, as a part of the limits.
    speed_scale: how fast chunks are executed, as a part of their own speed: for bring-up. The path stays, rows lie
        1 / speed_scale as far apart in time, seams and ramps take as much longer; brakes stay as hard as they are.
    """

    mode: str = "receding"
    seam: str = "correction"
    ensemble_decay: float = 0.01  # of ACT
    executed_steps: int = 0
    blend_s: float = 0.85
    brake_acceleration_ratio: float = 0.5
    brake_jerk_s: float = 0.04
    ramp_start_ratio: float = 0.2
    ramp_full_ratio: float = 0.8
    ramp_s: float = 2.0
    ramp_jerk_s: float = 0.1
    home_ratio: float = 0.2
    speed_scale: float = 1.0

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
