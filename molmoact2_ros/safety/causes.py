# SPDX-License-Identifier: Apache-2.0
"""The modes of safety and the causes of a stop or refusal, under the numbers of msg/SafetyState.msg.

A test of the node holds the two lists equal; this room knows no messages.
"""

from __future__ import annotations

from enum import IntEnum


class Mode(IntEnum):
    """Whether commands pass."""

    DISARMED = 0
    ARMED = 1
    STOPPING = 2
    STOPPED = 3


class Cause(IntEnum):
    """Why a command was refused or motion stopped: one value per check."""

    NONE = 0
    OPERATOR_STOP = 1
    ESTOP = 2
    WRONG_JOINTS = 10
    WRONG_SHAPE = 11
    NOT_FINITE = 12
    POSITION_LIMIT = 13
    VELOCITY_LIMIT = 14
    ACCELERATION_LIMIT = 15
    JERK_LIMIT = 16
    JUMP = 17
    DISCONTINUITY = 18
    NO_BRAKE = 19
    WORKSPACE = 20
    COLLISION = 21
    TRACKING_ERROR = 22
    STALE_STATE = 30
    STALE_COMMAND = 31
    STALE_OBSERVATION = 32
    STALE_CAMERA = 33
    FROZEN_CAMERA = 34
    FROZEN_STATE = 35
    PERCEPTION_SILENT = 40
    POLICY_SILENT = 41
    INTERPOLATOR_SILENT = 42
    BRIDGE_SILENT = 43
    SECOND_PUBLISHER = 50
    DEAD_MAN = 51
    CLOCK_JUMP = 52
    ROBOT_FAULT = 53
    HAND_SPEED_LIMIT = 54
    SAFETY_RESTARTED = 55
    WRONG_CAMERA = 56
    VELOCITY_MISMATCH = 57
    OVERLOADED = 58
