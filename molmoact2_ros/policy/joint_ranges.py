# SPDX-License-Identifier: Apache-2.0
"""Whether a checkpoint's statistics can be those of a robot's joints: unit, zero and sense of rotation.

Compared in this package's units, rad, where a gripper's whole stroke is 1, in three ways. The range of training must
not leave the joint's own limits: a joint cannot have been there. Home, where a policy takes over, must lie in it or
next to it. The median posture must not be far from home: a shifted zero or a turned sign shows there where the range
is wide enough to hide it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import Embodiment, Joint
from molmoact2_ros.policy.policy import PolicyError
from molmoact2_ros.processing.norm_stats import TagStats
from molmoact2_ros.processing.normalizer import Normalizer

# A servo's middle tick is up to 7 degrees from the middle of its range, so that one unit's data lies as far outside
# another's limits. Of a gripper: calibrations differ by some hundredths of the stroke.
LIMIT_SLACK_RAD, LIMIT_SLACK_STROKE = 0.14, 0.1
# Home may lie a little outside the quantiles of training: a part of their span, within bounds.
HOME_SLACK, HOME_SLACK_RAD = 0.25, (0.05, 0.35)
# Of a median from home. DROID's lies 0.9 rad away at joint 2; a frame that is 90 degrees off, 1.57 rad.
POSTURE_RAD = 1.2
# Below this span, rad or part of the stroke, a dimension has not moved: an encoder has 4096 ticks or more a turn.
TICK_RAD, STILL_RAD, STILL_STROKE = 2 * np.pi / 4096, 0.005, 0.01

Vector = NDArray[np.float64]


def check_ranges(robot: Embodiment, tag: TagStats) -> tuple[str, ...]:
    """Check state and action statistics of a norm tag against the robot's joints.

    Returns:
        Sentences on what can be used and makes little sense: dimensions that did not move in training.

    Raises:
        PolicyError: they cannot be of these joints in these units; one sentence with both numbers.
    """
    doubts: list[str] = []
    for what, stats in (("state", tag.state), ("action", tag.action)):
        low, high = _range(stats)
        inside = np.sort(np.stack([robot.from_policy(low), robot.from_policy(high)]), axis=0)  # [2, joints]
        for index, joint in enumerate(robot.joints):
            bottom, top = inside[:, index].tolist()
            if _is_still(joint, bottom, top):
                doubts.append(f"{_stillness(what, stats, joint, index, (bottom, top))} (norm tag {tag.norm_tag})")
            _check_limits(robot, tag, what, index, (bottom, top))
            if what == "state":
                _check_home(robot, tag, index, (bottom, top))
        _check_posture(robot, tag, what, stats)
    return tuple(doubts)


def _range(stats: Normalizer) -> tuple[Vector, Vector]:
    """Return where the data lay, in policy units; where the file does not say, what maps to -1 and 1."""
    low, high = (stats.low, stats.high) if stats.seen is None else (stats.seen.low, stats.seen.high)
    return low.astype(np.float64), high.astype(np.float64)


def _is_still(joint: Joint, bottom: float, top: float) -> bool:
    return top - bottom <= (STILL_STROKE if joint.is_gripper else STILL_RAD)


def _stillness(what: str, stats: Normalizer, joint: Joint, index: int, found: tuple[float, float]) -> str:
    """Say what it comes to that a dimension did not move in training."""
    (bottom, top), value = found, joint.policy.outside(found[0])
    if what == "state":
        narrow = " (less than an encoder's tick)" if not joint.is_gripper and top - bottom < TICK_RAD else ""
        return (
            f"the state of {joint.name} spans only {_in_policy_units(joint, bottom, top)}{narrow}: wherever else the "
            "joint is, this checkpoint does not see it"
        )
    always = f"is always {value:.2f}" if stats.mask[index] else f"was always {value:.2f} in training"
    lacks = f"moves {joint.name}" if not joint.is_gripper else "opens it" if top < 0.5 else "closes it"
    return f"the {joint.name}'s action {always}: this checkpoint never {lacks}"


def _check_limits(robot: Embodiment, tag: TagStats, what: str, index: int, found: tuple[float, float]) -> None:
    joint = robot.joints[index]
    slack = LIMIT_SLACK_STROKE if joint.is_gripper else LIMIT_SLACK_RAD
    bottom, top = found
    if joint.low - slack <= bottom and top <= joint.high + slack:
        return
    trained, possible = _in_policy_units(joint, bottom, top), _in_policy_units(joint, joint.low, joint.high)
    raise PolicyError(
        f"norm tag {tag.norm_tag} has {what}s of {joint.name} from {trained}, but embodiment {robot.name}'s joint can "
        f"only be from {possible} in policy units: the training data counts in another unit, from another zero or in "
        "the other direction; use a checkpoint of this calibration, or correct the joint's unit (policy: scale, offset)"
    )


def _check_home(robot: Embodiment, tag: TagStats, index: int, found: tuple[float, float]) -> None:
    joint, home = robot.joints[index], float(robot.pose("home")[index])
    bottom, top = found
    slack = float(np.clip(HOME_SLACK * (top - bottom), *HOME_SLACK_RAD))
    if bottom - slack <= home <= top + slack:
        return
    remedy = "correct the joint's unit (policy: scale, offset) or the pose"
    if _is_still(joint, bottom, top):
        remedy = "the joint did not move in training: train on more varied data, or correct the pose"
    raise PolicyError(
        f"the home pose of embodiment {robot.name} has {joint.name} = {joint.policy.outside(home):.3f} in policy "
        f"units, far from the training range of norm tag {tag.norm_tag}, {_in_policy_units(joint, bottom, top)}: "
        f"{remedy}"
    )


def _check_posture(robot: Embodiment, tag: TagStats, what: str, stats: Normalizer) -> None:
    """Hold the median of each arm joint against home; a gripper may be open at home and closed at work."""
    if stats.seen is None or stats.seen.middle is None:
        return
    middle = robot.from_policy(stats.seen.middle.astype(np.float64))
    for joint, typical, home in zip(robot.joints, middle.tolist(), robot.pose("home").tolist(), strict=True):
        if not joint.is_gripper and abs(typical - home) > POSTURE_RAD:
            raise PolicyError(
                f"norm tag {tag.norm_tag} has {what}s of {joint.name} around {joint.policy.outside(typical):.3f} in "
                f"policy units, but the home pose of embodiment {robot.name} is {joint.policy.outside(home):.3f}, "
                f"{np.rad2deg(abs(typical - home)):.0f} degrees away: the training data counts from another zero or in "
                "the other direction; use a checkpoint of this calibration, or correct the joint's unit (policy: "
                "scale, offset) or the pose"
            )


def _in_policy_units(joint: Joint, one: float, other: float) -> str:
    low, high = sorted((joint.policy.outside(one), joint.policy.outside(other)))
    return f"{low:.3g} to {high:.3g}"
