# SPDX-License-Identifier: Apache-2.0
"""The thresholds of safety that do not belong to one robot. SAFETY.md explains each; the node declares their ranges."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Defaults are for 50 Hz commands, 5 Hz perception status and 10 Hz bridge state.

    Silence of robot_state and commands is bounded by ten command periods. Perception and bridge may each lose one
    heartbeat and be late with the next. An observation is used up after 0.8 s: DROID chunks reach 1 s ahead.
    """

    jump_arm_rad: float = 0.1
    jump_gripper: float = 0.3
    tracking_lag_s: float = 0.1
    tracking_error_arm_rad: float = 0.05
    tracking_error_time_s: float = 0.3
    frozen_state_arm_rad: float = 0.03
    frozen_state_time_s: float = 0.15
    deaf_arm_rad: float = 0.08
    deaf_time_s: float = 2.0
    gripper_overrun: float = 0.03
    brake_time_max_s: float = 1.0
    command_age_max_s: float = 0.1
    command_lead_max_s: float = 0.1
    observation_age_max_s: float = 0.8
    max_refused_in_a_row: int = 3
    state_timeout_s: float = 0.2
    command_timeout_s: float = 0.2
    first_command_timeout_s: float = 1.0
    perception_timeout_s: float = 0.5
    perception_not_ready_max_s: float = 0.3
    bridge_timeout_s: float = 0.5
    clock_jump_max_s: float = 0.1
    dead_man_required: bool = False
    dead_man_timeout_s: float = 0.3
    still_arm_rad_s: float = 0.02
    still_gripper_per_s: float = 0.05
    still_time_s: float = 0.1
    stop_time_max_s: float = 2.0
    reset_cooldown_s: float = 0.5
