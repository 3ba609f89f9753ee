# SPDX-License-Identifier: Apache-2.0
"""What faults hardware can be given: one sentence of a few words becomes plain data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import SimulationError

CAMERA_DEAD = "camera_dead"
CAMERA_FROZEN_STAMP = "camera_frozen_stamp"
CAMERA_FROZEN_CONTENT = "camera_frozen_content"
CAMERA_BLACK = "camera_black"
CAMERA_DELAYED = "camera_delayed"
CAMERAS_SWAPPED = "cameras_swapped"
STATE_NAN = "state_nan"
STATE_DEAD = "state_dead"
STATE_FROZEN = "state_frozen"
STATE_REORDERED = "state_reordered"
STATE_MISSING = "state_missing"
STATE_DUPLICATE = "state_duplicate"
STATE_EXTRA = "state_extra"
STATE_WITHOUT_VELOCITIES = "state_without_velocities"
STATE_VELOCITIES = "state_velocities"
STATE_OFFSET = "state_offset"
CONTROLLER_IGNORES = "controller_ignores"
ROBOT_FAULT = "robot_fault"
CLOCK_JUMP = "clock_jump"

REFLEX, USER_STOP, ERROR = "reflex", "user_stop", "error"
ROBOT_FAULTS = (REFLEX, USER_STOP, ERROR)

# What follows each name.
_ROLE, _SECONDS, _FAULT = "ROLE", "SECONDS", "|".join(ROBOT_FAULTS)
_JOINT, _OFFSET, _FACTOR = "JOINT", "OFFSET", "FACTOR"
_OPERANDS: dict[str, tuple[str, ...]] = {
    CAMERA_DEAD: (_ROLE,),  # no image comes
    CAMERA_FROZEN_STAMP: (_ROLE,),  # the same image with the same stamp, again and again
    CAMERA_FROZEN_CONTENT: (_ROLE,),  # the same image with new stamps
    CAMERA_BLACK: (_ROLE,),  # every pixel is black
    CAMERA_DELAYED: (_ROLE, _SECONDS),  # each image arrives late, its stamp is right
    CAMERAS_SWAPPED: (),  # the first two cameras are on each other's topic, each with its own frame_id
    STATE_NAN: (),  # the first joint of each group is NaN
    STATE_DEAD: (),  # no joint state comes
    STATE_FROZEN: (),  # the same values with new stamps
    STATE_REORDERED: (),  # another order of joints, the values are right
    STATE_MISSING: (),  # the last joint of each group is left out
    STATE_DUPLICATE: (),  # the first joint of each topic is there twice
    STATE_EXTRA: (),  # two unknown joints, one of them NaN
    STATE_WITHOUT_VELOCITIES: (),  # positions alone
    STATE_VELOCITIES: (_FACTOR,),  # reported velocities are so many times the true ones
    STATE_OFFSET: (_JOINT, _OFFSET, _FACTOR),  # and one joint, by the driver's name and unit, is measured elsewhere
    CONTROLLER_IGNORES: (),  # commands are swallowed without a word
    ROBOT_FAULT: (_FAULT,),  # the driver reports a fault; the arm goes on, so that what follows is ours
    CLOCK_JUMP: (_SECONDS,),  # ROS time jumps once, forward or back
}


@dataclass(frozen=True)
class InjectedFault:
    """One kind of fault at a time; the empty `kind` behaves. Fields that a kind does not take are empty."""

    kind: str = ""
    role: str = ""
    seconds: float = 0.0
    fault: str = ""
    joint: str = ""
    offset: float = 0.0
    factor: float = 1.0

    @classmethod
    def parse(cls, text: str, roles: Sequence[str]) -> InjectedFault:
        """Read a kind and what follows it, separated by spaces; an empty text behaves.

        Args:
            text: e.g. `camera_delayed wrist 0.5`.
            roles: of the robot's cameras.

        Raises:
            SimulationError: the kind or what follows it is unknown; the sentence lists what is known.
        """
        kind, *words = text.split() or [""]
        if not kind:
            return cls()
        if kind not in _OPERANDS:
            raise SimulationError(f"fault: expected nothing, or one of {known()}; got {text!r}")
        operands = _OPERANDS[kind]
        if len(words) != len(operands):
            raise SimulationError(f"fault: expected {' '.join((kind, *operands))!r}, got {text!r}")
        given = dict(zip(operands, words, strict=True))
        if kind == CAMERAS_SWAPPED and len(roles) < 2:
            raise SimulationError(f"fault: {CAMERAS_SWAPPED} takes two cameras, this robot has {len(roles)}")
        return cls(
            kind,
            role=_one_of(given.get(_ROLE, ""), roles, "a camera"),
            seconds=_number(given.get(_SECONDS, "0"), "seconds", low=-math.inf if kind == CLOCK_JUMP else 0.0),
            fault=_one_of(given.get(_FAULT, ""), ROBOT_FAULTS, "a fault"),
            joint=given.get(_JOINT, ""),
            offset=_number(given.get(_OFFSET, "0"), "an offset"),
            factor=_number(given.get(_FACTOR, "1"), "a factor"),
        )


def known() -> str:
    """Return every kind with what follows it."""
    return ", ".join(" ".join((kind, *operands)) for kind, operands in _OPERANDS.items())


def _one_of(word: str, choices: Sequence[str], what: str) -> str:
    if word and word not in choices:
        raise SimulationError(f"fault: expected {what} among {', '.join(choices)}, got {word!r}")
    return word


def _number(word: str, what: str, low: float = -math.inf) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= low):
        raise SimulationError(f"fault: expected {what}, a number{' from 0' if low == 0 else ''}; got {word!r}")
    return value
