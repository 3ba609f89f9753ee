# SPDX-License-Identifier: Apache-2.0
"""The thresholds of safety that do not belong to one robot: parameters of its node, and the table in SAFETY.md."""

from __future__ import annotations

from dataclasses import dataclass

from molmoact2_ros.schema import param


@dataclass(frozen=True)
class Settings:
    """Defaults are for 50 Hz commands, 5 Hz perception status and 10 Hz bridge state.

    Silence of robot_state and commands is bounded by ten command periods. Perception and bridge may each lose one
    heartbeat and be late with the next. An observation is used up after 0.8 s: DROID chunks reach 1 s ahead.
    """

    jump_arm_rad: float = param(
        0.1,
        "Most that an arm joint may start away from its measured pose",
        unit="rad",
        low=0.01,
        high=0.5,
        note="a pose that is wrong by more was not read from this robot",
    )
    jump_gripper: float = param(
        0.3,
        "The same for a gripper, first command after arming only",
        unit="strokes",
        low=0.01,
        high=1,
        note="a gripper that holds an object stands short of its command",
    )
    tracking_lag_s: float = param(
        0.1,
        "Delay of the controllers: adds speed x delay to these",
        unit="s",
        low=0,
        high=0.3,
        note="a controller with this delay is behind by speed x delay; added to the limits of a jump and to "
        "`tracking_error_arm_rad`",
    )
    tracking_error_arm_rad: float = param(
        0.05,
        "Most that an arm joint may stay away from the command in force",
        unit="rad",
        low=0.005,
        high=0.5,
        note="half of a jump: what is far off at once is one, this is for what stays off",
    )
    tracking_error_time_s: float = param(
        0.3,
        "How long it may be farther away than that",
        unit="s",
        low=0.05,
        high=2,
        note="a computer that stands still for a moment is no fault of the robot",
    )
    frozen_state_arm_rad: float = param(
        0.03,
        "How far commands may lead an arm joint while robot_state repeats itself",
        unit="rad",
        low=0.005,
        high=0.5,
        note="twenty steps of the coarsest encoder shipped here (4096 a turn), and found before a tracking error",
    )
    frozen_state_time_s: float = param(
        0.15,
        "For how long, at least, it must repeat itself",
        unit="s",
        low=0.05,
        high=2,
        note="a robot that starts late has moved by then",
    )
    unresponsive_arm_rad: float = param(
        0.08,
        "How far chunks may ask an arm joint to move while it stands still",
        unit="rad",
        low=0.01,
        high=0.5,
        note="a motion that is plainly visible; some joint of the arm must move by an eighth of it",
    )
    unresponsive_time_s: float = param(
        2.0,
        "The time in which they ask for that",
        unit="s",
        low=0.5,
        high=10,
        note="so slow a motion, 0.04 rad/s, is no task",
    )
    gripper_overrun: float = param(
        0.03,
        "How far outside 0..1 a gripper may be commanded",
        unit="strokes",
        low=0,
        high=0.1,
        note="real grippers read a little outside 0 to 1 at their ends, and must be held there",
    )
    brake_time_max_s: float = param(
        1.0,
        "Longest brake at the end of a command",
        unit="s",
        low=0.1,
        high=2,
        note="from full speed at a quarter of the acceleration limit, for the arms shipped here",
    )
    command_age_max_s: float = param(
        0.1,
        "Most that a command may start in the past",
        unit="s",
        low=0.02,
        high=0.5,
        note="five periods at 50 Hz; the motion part of a command lasts three",
    )
    command_lead_max_s: float = param(
        0.1,
        "Most that a stamp may lie in the future",
        unit="s",
        low=0.02,
        high=0.5,
        note="later starts, and stamps of observations from the future, mean clocks that differ",
    )
    observation_age_max_s: float = param(
        0.8,
        "Oldest observation that a motion may follow",
        unit="s",
        low=0.1,
        high=5,
        note="a DROID chunk reaches 1 s past its observation; lower it to what your policy needs",
    )
    max_refused_in_a_row: int = param(
        3,
        "Refused commands in a row that stop the robot",
        low=1,
        high=50,
        note="a single refusal may be a lost message; three periods are the motion part of a command",
    )
    state_timeout_s: float = param(
        0.2,
        "Longest silence, and largest age, of robot_state",
        unit="s",
        low=0.05,
        high=1,
        note="without measurements the robot is driven blind",
    )
    command_timeout_s: float = param(
        0.2,
        "Longest silence of command/proposed while armed",
        unit="s",
        low=0.05,
        high=1,
        note="by then the robot brakes already",
    )
    first_command_timeout_s: float = param(
        1.0,
        "Longest wait for the first command after arming",
        unit="s",
        low=0.2,
        high=10,
        note="after arming nothing moves until the first command",
    )
    perception_timeout_s: float = param(
        0.5,
        "Longest silence of perception_status in motion",
        unit="s",
        low=0.3,
        high=5,
        note="two and a half heartbeats of perception",
    )
    perception_not_ready_max_s: float = param(
        0.3,
        "Longest time in motion without usable cameras",
        unit="s",
        low=0,
        high=5,
        note="comes on top of perception's own budgets; lets single late frames pass",
    )
    bridge_timeout_s: float = param(
        0.5,
        "Longest silence of bridge_state, longest hold by the bridge",
        unit="s",
        low=0.2,
        high=5,
        note="five heartbeats of the bridge; its `robot_state` is watched more closely",
    )
    clock_jump_max_s: float = param(
        0.1,
        "Most that ROS time may gain or lose on the steady clock within a second",
        unit="s",
        low=0.02,
        high=0.5,
        note="half of `state_timeout_s`: a clock that was set is not mistaken for a driver that died",
    )
    enabling_device_required: bool = param(
        False,
        "Commands pass only while enabling_device says true",
        note="few labs have the device; those that do should set it",
    )
    enabling_device_timeout_s: float = param(
        0.3,
        "How long a true of enabling_device holds",
        unit="s",
        low=0.05,
        high=2,
        note="three messages at 10 Hz",
    )
    still_arm_rad_s: float = param(
        0.02,
        "Speed below which an arm joint stands still",
        unit="rad/s",
        low=0.001,
        high=0.1,
        note="above the noise of usual velocity measurements",
    )
    still_gripper_per_s: float = param(
        0.05,
        "Speed below which a gripper stands still",
        unit="strokes/s",
        low=0.001,
        high=0.5,
        note="as for an arm joint",
    )
    still_time_s: float = param(
        0.1,
        "How long all joints must be that slow to be called still",
        unit="s",
        low=0.02,
        high=2,
        note="a velocity may pass through zero without rest",
    )
    stop_time_max_s: float = param(
        2.0,
        "A stop that takes longer is reported as overdue",
        unit="s",
        low=0.5,
        high=10,
        note="twice the longest brake",
    )
    reset_cooldown_s: float = param(
        0.5,
        "Shortest time between standstill and reset",
        unit="s",
        low=0.1,
        high=60,
        note="no reset by a bouncing button",
    )
