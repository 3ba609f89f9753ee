# SPDX-License-Identifier: Apache-2.0
"""What safety publishes: modes, causes, evidence. Plain data, under the numbers of msg/SafetyState.msg."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum, IntFlag


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
    ENABLING_DEVICE = 51
    CLOCK_JUMP = 52
    ROBOT_FAULT = 53
    TCP_SPEED_LIMIT = 54
    SAFETY_RESTARTED = 55
    WRONG_CAMERA = 56
    VELOCITY_MISMATCH = 57
    OVERLOADED = 58


class Estop(IntFlag):
    """The emergency stops, under the bits of msg/SafetyState.msg."""

    NONE = 0
    TOPIC = 1
    SERVICE = 2


@dataclass(frozen=True)
class Verdict:
    """Why motion may not go on.

    `text` is one sentence for the operator. `joint` is empty and `step` (point of the command, from 0) is -1 where the
    cause names none; `value` broke `limit`, both in the unit of the check, NaN where there is no such number.
    """

    cause: Cause
    text: str
    joint: str = ""
    step: int = -1
    value: float = math.nan
    limit: float = math.nan


@dataclass(frozen=True)
class Snapshot:
    """The mode with the latched stop, what became of the commands since arming, and the e-stops that are pressed."""

    mode: Mode
    text: str
    stop: Verdict | None
    passed_sequence: int
    refused: int
    refused_in_a_row: int
    last_refusal: Verdict | None
    pressed: Estop = Estop.NONE
