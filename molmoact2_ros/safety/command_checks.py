# SPDX-License-Identifier: Apache-2.0
"""The checks that every command must pass: pure functions, in a fixed order, the first violation wins.

Each check takes the command and its context and returns a Verdict, or None when it has no objection. A command is
judged whole, brake included, because the robot plays all of it when nothing follows. Between points it means what
`cubic` says. Of several points the earliest is named, and there the worst joint: what comes later is its consequence.
For the same reason position and its three derivatives are one check: a command that darts off also leaves the range.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.joint_command import MOST_POINTS, JointCommand, command_in_order, same_names
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.interfaces.safety_state import Cause, Verdict
from molmoact2_ros.schema import listed, quoted
from molmoact2_ros.timing import NS_PER_S

from . import cubic
from .chunk_rejections import rejection_verdict
from .collision_checker import CollisionChecker
from .limits import Limits
from .settings import Settings

Array = NDArray[np.float64]

MOTION_PERIODS_MAX = 3  # the contract of msg/JointCommand.msg
STEP_MIN_S = 0.001  # the fastest controllers run at 1 kHz; bounds the number of points
# A joint that accelerates when the brake begins, or that its jerk limit carries through zero, may first gain speed.
BRAKE_REVERSAL_S = 0.1
ROUNDING = 1e-6  # relative slack for sums of floats; absolute for positions and the velocity at rest


@dataclass(frozen=True)
class Context:
    """What a command is judged against.

    `measured` and `previous` are in the order of `limits.names`. `previous` is the last command that passed since
    arming, which the robot executes or has ended; None for the first. `speed` [joints] is the largest of the latest
    commands and bounds what is believed of measured velocities. Without `collision_checker` joints alone are checked.
    """

    limits: Limits
    settings: Settings
    period_s: float
    now_ns: int
    measured: RobotState
    previous: JointCommand | None
    speed: Array
    collision_checker: CollisionChecker | None = None


Check = Callable[[JointCommand, Context], "Verdict | None"]


def check_command(command: JointCommand, context: Context) -> Verdict | None:
    """Return the first violation, or None when the command may pass."""
    verdict = _first(FORM_CHECKS, command, context)
    if verdict is not None:
        return verdict
    return _first(CONTENT_CHECKS, command_in_order(command, context.limits.names), context)


def _first(checks: tuple[Check, ...], command: JointCommand, context: Context) -> Verdict | None:
    return next((verdict for check in checks if (verdict := check(command, context)) is not None), None)


# Form: can it be read at all?


def check_chunk(command: JointCommand, _context: Context) -> Verdict | None:
    """Proposes something: a command without points says why the newest chunk cannot be followed."""
    if command.positions.size or not command.rejection.count:
        return None
    return rejection_verdict(command.rejection)


def check_shape(command: JointCommand, context: Context) -> Verdict | None:
    """Points x joints twice, 2 to MOST_POINTS points, a step from 1 ms to the command period, motion within the points.

    The velocities of the chunk are joints, or none.
    """
    positions, velocities, joints = command.positions, command.velocities, len(command.names)
    wrong = ""
    if positions.ndim != 2 or positions.shape != velocities.shape or positions.shape[1] != joints:
        wrong = f"positions {positions.shape} and velocities {velocities.shape} do not fit points x {joints} joints"
    elif not 2 <= len(positions) <= MOST_POINTS:
        wrong = f"2 to {MOST_POINTS} points are needed, {len(positions)} came"
    elif not STEP_MIN_S <= command.step_s <= context.period_s * (1 + ROUNDING):
        wrong = f"the step is {command.step_s} s, not {STEP_MIN_S} to {context.period_s} s (one command period)"
    elif not 0 <= command.motion_points <= len(positions):
        wrong = f"motion_points is {command.motion_points}, of {len(positions)} points"
    elif command.chunk_velocities.size not in (0, joints):
        wrong = f"chunk_velocities has {command.chunk_velocities.size} values for {joints} joints"
    return Verdict(Cause.WRONG_SHAPE, f"the command has a wrong shape: {wrong}") if wrong else None


def check_joints(command: JointCommand, context: Context) -> Verdict | None:
    """The embodiment's joints, each once, in any order."""
    wanted = context.limits.names
    if same_names(command.names, wanted):
        return None
    text = f"expected the joints {', '.join(wanted)} in any order, got {listed(command.names)}"
    odd = min(set(wanted) ^ set(command.names), default="")
    return Verdict(Cause.WRONG_JOINTS, text, joint=quoted(odd))


# Content: from here on the columns are in the order of the limits.


def check_finite(command: JointCommand, context: Context) -> Verdict | None:
    """No NaN, no infinity."""
    bad = ~(np.isfinite(command.positions) & np.isfinite(command.velocities))
    if not np.isfinite(command.chunk_velocities).all():
        return Verdict(Cause.NOT_FINITE, "chunk_velocities holds a number that is not finite")
    if not bad.any():
        return None
    point, joint = map(int, np.argwhere(bad)[0])
    position, velocity = float(command.positions[point, joint]), float(command.velocities[point, joint])
    kind, value = ("velocity", velocity) if np.isfinite(position) else ("position", position)
    name = context.limits.names[joint]
    return Verdict(Cause.NOT_FINITE, f"the {kind} of {name} at point {point} is {value}", name, point, value)


def check_command_age(command: JointCommand, context: Context) -> Verdict | None:
    """Starts about now, and after the command before it."""
    settings, previous = context.settings, context.previous
    late_s = (context.now_ns - command.start_ns) / NS_PER_S
    if late_s > settings.command_age_max_s:
        text = f"the command starts {late_s:.3f} s in the past, at most {settings.command_age_max_s} s is allowed"
        return Verdict(Cause.STALE_COMMAND, text, value=late_s, limit=settings.command_age_max_s)
    if -late_s > settings.command_lead_max_s:
        text = f"the command starts {-late_s:.3f} s in the future, at most {settings.command_lead_max_s} s is allowed"
        return Verdict(Cause.STALE_COMMAND, text, value=-late_s, limit=settings.command_lead_max_s)
    if previous is None or (command.sequence > previous.sequence and command.start_ns >= previous.start_ns):
        return None
    text = f"command {command.sequence} is not newer than command {previous.sequence}, which has passed already"
    return Verdict(Cause.STALE_COMMAND, text, value=float(command.sequence), limit=float(previous.sequence))


def check_observation_age(command: JointCommand, context: Context) -> Verdict | None:
    """Follows a chunk from a recent observation; holds and ramps follow none."""
    if command.chunk_sequence == 0:
        return None
    limit_s = context.settings.observation_age_max_s
    age_s = (context.now_ns - command.observation_ns) / NS_PER_S
    if -context.settings.command_lead_max_s <= age_s <= limit_s:
        return None
    when = f"{age_s:.3f} s old, at most {limit_s} s is allowed" if age_s > 0 else f"{-age_s:.3f} s in the future"
    text = f"the observation behind chunk {command.chunk_sequence} is {when}"
    return Verdict(Cause.STALE_OBSERVATION, text, value=age_s, limit=limit_s)


def check_motion(command: JointCommand, context: Context) -> Verdict | None:
    """Position, velocity, acceleration and jerk within limits; the violation at the earliest point wins."""
    checks = (check_position, check_velocity, check_acceleration, check_jerk)
    verdicts = [verdict for check in checks if (verdict := check(command, context)) is not None]
    return min(verdicts, key=lambda verdict: verdict.step, default=None)


def check_position(command: JointCommand, context: Context) -> Verdict | None:
    """Every point inside the limits less their margin.

    Between points the cubic may swing out by at most acceleration x step2 / 8, 0.5 mrad at 10 rad/s2 and 20 ms: less
    than any margin.
    """
    limits = context.limits
    outside = np.maximum(command.positions - limits.high, limits.low - command.positions)
    if outside.max() <= ROUNDING:
        return None
    point, joint = _earliest(outside, ROUNDING)
    value = float(command.positions[point, joint])
    above = value > limits.high[joint]
    limit = float(limits.high[joint] if above else limits.low[joint])
    side, unit, name = "above" if above else "below", limits.unit(joint), limits.names[joint]
    text = f"{name} would go to {value:.4f}{unit} at point {point}, {side} its limit {limit:.4f}{unit}"
    return Verdict(Cause.POSITION_LIMIT, text, name, point, value, limit)


def check_velocity(command: JointCommand, context: Context) -> Verdict | None:
    """The peak speed inside each segment; it covers the stated velocities and the differences of the positions."""
    speeds = cubic.peak_speeds(command)
    return _over(Cause.VELOCITY_LIMIT, speeds, context.limits.velocity, context.limits, words=("move at", "/s"))


def check_acceleration(command: JointCommand, context: Context) -> Verdict | None:
    """The acceleration at both ends of each segment, where the cubic has its extremes."""
    begin, end = cubic.accelerations(command)
    strongest = np.maximum(np.abs(begin), np.abs(end))
    allowed, words = context.limits.acceleration, ("accelerate at", "/s2")
    return _over(Cause.ACCELERATION_LIMIT, strongest, allowed, context.limits, words=words)


def check_jerk(command: JointCommand, context: Context) -> Verdict | None:
    """The change of acceleration within any one step, the seam to the command before it and the end at rest included.

    The first command after arming begins on a robot that stands. Where a step is long, the acceleration limit bounds
    this already: 2 x 10 rad/s2 within 20 ms are 1000 rad/s3.
    """
    previous, rest = context.previous, np.zeros(len(context.limits.names))
    before = rest if previous is None else cubic.acceleration_before(previous, command.start_ns)
    values, allowed = cubic.jerks(command, before), context.limits.jerk
    return _over(Cause.JERK_LIMIT, values, allowed, context.limits, words=("jerk at", "/s3"))


def check_brake(command: JointCommand, context: Context) -> Verdict | None:
    """Ends at rest, moves for three command periods at most, then brakes: slower and slower, and not for long.

    The deceleration itself is bounded by `check_acceleration`, which sees the whole command.
    """
    return _not_at_rest(command, context) or _too_long(command, context) or _speeds_up(command, context)


def check_continuity(command: JointCommand, context: Context) -> Verdict | None:
    """Begins where, and as fast as, the command before it is at that moment; the first begins as fast as measured.

    A step that the acceleration limit could produce within one command period is allowed: a x T in velocity and
    a x T2 / 2 in position.
    """
    limits, period_s = context.limits, context.period_s
    if context.previous is None:
        position, velocity, what = command.positions[0], context.measured.velocities, "the robot"
    else:
        position, velocity = cubic.evaluate(context.previous, command.start_ns)
        what = "the command before it"
    steps = (
        (np.abs(command.positions[0] - position), limits.acceleration * period_s**2 / 2, "position", ""),
        (np.abs(command.velocities[0] - velocity), limits.acceleration * period_s, "velocity", "/s"),
    )
    for step, allowed, kind, suffix in steps:
        joint = int(np.argmax(step / allowed))
        if step[joint] > allowed[joint] * (1 + ROUNDING) + ROUNDING:
            value, limit, unit = float(step[joint]), float(allowed[joint]), limits.unit(joint, suffix)
            text = (
                f"the {kind} of {limits.names[joint]} steps by {value:.4f}{unit} from {what}, "
                f"at most {limit:.4f}{unit} is allowed"
            )
            return Verdict(Cause.DISCONTINUITY, text, limits.names[joint], 0, value, limit)
    return None


def check_jump(command: JointCommand, context: Context) -> Verdict | None:
    """Begins near the measured pose.

    Command and pose are compared at the later of start and state stamp. A moving robot follows late, so the allowance
    grows with speed. Only the first command after arming is held to the gripper's pose: afterwards a gripper that holds
    an object rightly stands short of its command.
    """
    limits, settings, measured = context.limits, context.settings, context.measured
    time_ns = max(command.start_ns, measured.stamp_ns)
    position, velocity = cubic.evaluate(command, time_ns)
    believed = np.clip(measured.velocities, -context.speed, context.speed)
    predicted = measured.positions + believed * ((time_ns - measured.stamp_ns) / NS_PER_S)
    speed = cubic.believed_speed(velocity, measured.velocities, context.speed)
    allowed = (
        np.where(limits.is_gripper, settings.jump_gripper, settings.jump_arm_rad) + speed * settings.tracking_lag_s
    )
    distance = np.abs(position - predicted)
    judged = ~limits.is_gripper | (context.previous is None)
    joint = int(np.argmax(np.where(judged, distance / allowed, 0.0)))
    if not judged[joint] or distance[joint] <= allowed[joint]:
        return None
    value, limit, unit = float(distance[joint]), float(allowed[joint]), limits.unit(joint)
    text = (
        f"{limits.names[joint]} would start {value:.4f}{unit} away from where it is measured, "
        f"at most {limit:.4f}{unit} is allowed"
    )
    return Verdict(Cause.JUMP, text, limits.names[joint], 0, value, limit)


def check_space(command: JointCommand, context: Context) -> Verdict | None:
    """Hands within workspace and speed, links clear of each other and of the table; last, because it costs most."""
    return None if context.collision_checker is None else context.collision_checker.check_command(command)


FORM_CHECKS: tuple[Check, ...] = (check_chunk, check_shape, check_joints)
CONTENT_CHECKS: tuple[Check, ...] = (
    check_finite,
    check_command_age,
    check_observation_age,
    check_motion,
    check_brake,
    check_continuity,
    check_jump,
    check_space,
)


def _earliest(excess: Array, allowed: float) -> tuple[int, int]:
    """Return the first row [points, joints] in which anything exceeds what is allowed, and the worst joint in it."""
    point = int(np.argmax((excess > allowed).any(axis=1)))
    return point, int(np.argmax(excess[point]))


def _over(cause: Cause, values: Array, allowed: Array, limits: Limits, *, words: tuple[str, str]) -> Verdict | None:
    """Return a verdict when values [segments, joints] exceed what is allowed [joints]."""
    ratios = values / allowed
    if ratios.max() <= 1 + ROUNDING:
        return None
    point, joint = _earliest(ratios, 1 + ROUNDING)
    value, limit, (verb, suffix) = float(values[point, joint]), float(allowed[joint]), words
    name, unit = limits.names[joint], limits.unit(joint, suffix)
    text = f"{name} would {verb} {value:.3f}{unit} after point {point}, above its limit {limit:.3f}{unit}"
    return Verdict(cause, text, name, point, value, limit)


def _not_at_rest(command: JointCommand, context: Context) -> Verdict | None:
    speeds = np.abs(command.velocities[-1])
    joint = int(np.argmax(speeds))
    if speeds[joint] <= ROUNDING:
        return None
    last = len(command.positions) - 1
    name, value, unit = context.limits.names[joint], float(speeds[joint]), context.limits.unit(joint, "/s")
    text = f"the command does not end at rest: {name} still moves at {value:.4f}{unit} at point {last}"
    return Verdict(Cause.NO_BRAKE, text, name, last, value, 0.0)


def _too_long(command: JointCommand, context: Context) -> Verdict | None:
    motion_s = max(command.motion_points - 1, 0) * command.step_s
    brake_s = (len(command.positions) - 1) * command.step_s - motion_s
    parts = (
        ("motion", motion_s, MOTION_PERIODS_MAX * context.period_s),
        ("brake", brake_s, context.settings.brake_time_max_s),
    )
    for part, value, limit in parts:
        if value > limit * (1 + ROUNDING):
            text = f"the {part} of the command lasts {value:.3f} s, at most {limit:.3f} s is allowed"
            return Verdict(Cause.NO_BRAKE, text, value=value, limit=limit)
    return None


def _speeds_up(command: JointCommand, context: Context) -> Verdict | None:
    begin = max(command.motion_points - 1, 0) + math.ceil(BRAKE_REVERSAL_S / command.step_s)
    speeds = np.abs(command.velocities[begin:])
    gains = np.diff(speeds, axis=0)
    if not gains.size or gains.max() <= ROUNDING:
        return None
    point, joint = _earliest(gains, ROUNDING)
    name, unit = context.limits.names[joint], context.limits.unit(joint, "/s")
    before, after = float(speeds[point, joint]), float(speeds[point + 1, joint])
    last = begin + point + 1
    text = f"{name} speeds up in the brake, from {before:.3f}{unit} to {after:.3f}{unit} at point {last}"
    return Verdict(Cause.NO_BRAKE, text, name, last, after, before)
