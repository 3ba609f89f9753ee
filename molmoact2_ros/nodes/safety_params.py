# SPDX-License-Identifier: Apache-2.0
"""The parameters of the safety node, with unit and range; SAFETY.md gives the reason for each."""

from __future__ import annotations

from dataclasses import dataclass, fields

from molmoact2_ros.safety import Settings

from .parameters import param


@dataclass(frozen=True)
class SafetyParams:
    """Parameters of the safety node; SAFETY.md explains them. Defaults of the thresholds stand in `Settings`."""

    embodiment: str = param("droid", "Robot: name of a shipped embodiment, or path of an embodiment file")
    driver: str = param("", "Driver profile of the embodiment file; empty: its first one")
    speed_scale: float = param(
        1.0,
        "Part of the joints' and hands' largest speeds that is allowed, for bring-up; give the interpolator the same",
        low=0.1,
        high=1.0,
    )
    heartbeat_rate_hz: float = param(10.0, "safety_state is published at least this often", unit="Hz", low=5, high=50)
    watch_rate_hz: float = param(50.0, "How often silences are looked for", unit="Hz", low=20, high=200)
    jump_arm_rad: float = param(
        Settings.jump_arm_rad,
        "Most that an arm joint may start away from its measured pose",
        unit="rad",
        low=0.01,
        high=0.5,
    )
    jump_gripper: float = param(
        Settings.jump_gripper,
        "The same for a gripper, first command after arming only",
        unit="strokes",
        low=0.01,
        high=1,
    )
    tracking_lag_s: float = param(
        Settings.tracking_lag_s, "Delay of the controllers: adds speed x delay to these", unit="s", low=0, high=0.3
    )
    tracking_error_arm_rad: float = param(
        Settings.tracking_error_arm_rad,
        "Most that an arm joint may stay away from the command in force",
        unit="rad",
        low=0.005,
        high=0.5,
    )
    tracking_error_time_s: float = param(
        Settings.tracking_error_time_s, "How long it may be farther away than that", unit="s", low=0.05, high=2
    )
    frozen_state_arm_rad: float = param(
        Settings.frozen_state_arm_rad,
        "How far commands may lead an arm joint while robot_state repeats itself",
        unit="rad",
        low=0.005,
        high=0.5,
    )
    frozen_state_time_s: float = param(
        Settings.frozen_state_time_s, "For how long, at least, it must repeat itself", unit="s", low=0.05, high=2
    )
    deaf_arm_rad: float = param(
        Settings.deaf_arm_rad,
        "How far chunks may ask an arm joint to move while it stands still",
        unit="rad",
        low=0.01,
        high=0.5,
    )
    deaf_time_s: float = param(Settings.deaf_time_s, "The time in which they ask for that", unit="s", low=0.5, high=10)
    gripper_overrun: float = param(
        Settings.gripper_overrun, "How far outside 0..1 a gripper may be commanded", unit="strokes", low=0, high=0.1
    )
    brake_time_max_s: float = param(
        Settings.brake_time_max_s, "Longest brake at the end of a command", unit="s", low=0.1, high=2
    )
    command_age_max_s: float = param(
        Settings.command_age_max_s, "Most that a command may start in the past", unit="s", low=0.02, high=0.5
    )
    command_lead_max_s: float = param(
        Settings.command_lead_max_s, "Most that a stamp may lie in the future", unit="s", low=0.02, high=0.5
    )
    observation_age_max_s: float = param(
        Settings.observation_age_max_s, "Oldest observation that a motion may follow", unit="s", low=0.1, high=5
    )
    max_refused_in_a_row: int = param(
        Settings.max_refused_in_a_row, "Refused commands in a row that stop the robot", low=1, high=50
    )
    state_timeout_s: float = param(
        Settings.state_timeout_s, "Longest silence, and largest age, of robot_state", unit="s", low=0.05, high=1
    )
    command_timeout_s: float = param(
        Settings.command_timeout_s, "Longest silence of command/proposed while armed", unit="s", low=0.05, high=1
    )
    first_command_timeout_s: float = param(
        Settings.first_command_timeout_s, "Longest wait for the first command after arming", unit="s", low=0.2, high=10
    )
    perception_timeout_s: float = param(
        Settings.perception_timeout_s, "Longest silence of perception_status in motion", unit="s", low=0.3, high=5
    )
    perception_not_ready_max_s: float = param(
        Settings.perception_not_ready_max_s, "Longest time in motion without usable cameras", unit="s", low=0, high=5
    )
    bridge_timeout_s: float = param(
        Settings.bridge_timeout_s,
        "Longest silence of bridge_state, longest hold by the bridge",
        unit="s",
        low=0.2,
        high=5,
    )
    dead_man_required: bool = param(Settings.dead_man_required, "Commands pass only while dead_man says true")
    dead_man_timeout_s: float = param(
        Settings.dead_man_timeout_s, "How long a true of dead_man holds", unit="s", low=0.05, high=2
    )
    clock_jump_max_s: float = param(
        Settings.clock_jump_max_s,
        "Most that ROS time may gain or lose on the steady clock within a second",
        unit="s",
        low=0.02,
        high=0.5,
    )
    still_arm_rad_s: float = param(
        Settings.still_arm_rad_s, "Speed below which an arm joint stands still", unit="rad/s", low=0.001, high=0.1
    )
    still_gripper_per_s: float = param(
        Settings.still_gripper_per_s, "Speed below which a gripper stands still", unit="strokes/s", low=0.001, high=0.5
    )
    still_time_s: float = param(
        Settings.still_time_s, "How long all joints must be that slow to be called still", unit="s", low=0.02, high=2
    )
    stop_time_max_s: float = param(
        Settings.stop_time_max_s, "A stop that takes longer is reported as overdue", unit="s", low=0.5, high=10
    )
    reset_cooldown_s: float = param(
        Settings.reset_cooldown_s, "Shortest time between standstill and reset", unit="s", low=0.1, high=60
    )

    def settings(self) -> Settings:
        """Return the thresholds."""
        return Settings(**{field.name: getattr(self, field.name) for field in fields(Settings)})
