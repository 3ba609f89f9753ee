# SPDX-License-Identifier: Apache-2.0
"""Pins that a checkpoint in another unit, zero or sense is refused, also where its range holds the home pose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.policy.handshake import check_handshake
from molmoact2_ros.policy.policy import PolicyError
from molmoact2_ros.processing.norm_stats import NormStats, TagStats
from molmoact2_ros.processing.normalizer import Normalizer, TrainingRange

ROOT = Path(__file__).parents[2]
TINY_BASE = ROOT / "test" / "data" / "parity" / "tiny_base"
SO101, DROID = Embodiment.load("so101"), Embodiment.load("droid")
# Of the released checkpoint's training data, in LeRobot's older calibration.
PUBLISHED = ([-42.1, 45.2, 35.4, 4.9, -65.6, -0.3], [48.6, 186.1, 173.6, 93.4, 43.5, 44.7])
PUBLISHED_MEAN = [3.3, 125.8, 120.2, 55.9, -11.5, 11.3]


def _stats(stats: Normalizer, low: list[float], high: list[float], middle: list[float] | None = None) -> Normalizer:
    bounds = np.float32(low), np.float32(high)
    between = None if middle is None else np.float32(middle)
    return replace(stats, low=bounds[0], high=bounds[1], seen=TrainingRange(bounds[0], between, bounds[1]))


def _tag(robot: Embodiment) -> TagStats:
    return NormStats.load(TINY_BASE).tag(robot.policy.norm_tag)


def _so101(low: list[float], high: list[float], middle: list[float] | None = None) -> TagStats:
    tag = _tag(SO101)
    return replace(tag, state=_stats(tag.state, low, high, middle), action=_stats(tag.action, low, high, middle))


def test_the_published_statistics_of_the_released_checkpoint_agree() -> None:
    assert check_handshake(SO101, _so101(*PUBLISHED, PUBLISHED_MEAN)) == ()


def test_statistics_of_a_unit_whose_middle_tick_is_seven_degrees_off_agree() -> None:
    shifted = [[value + 7 for value in bounds] for bounds in PUBLISHED]
    check_handshake(SO101, _so101(*shifted, [value + 7 for value in PUBLISHED_MEAN]))


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        ([-60, -100, -80, -30, -90, 0], [60, 80, 97, 80, 90, 60], "shoulder_lift from -100 to 80, .* from -10 to 190"),
        ([-97] * 5 + [0], [97] * 5 + [100], "shoulder_lift from -97 to 97"),
        ([-60, -100, -60, -30, -90, 0], [60, 60, 97, 80, 90, 60], "shoulder_lift from -100 to 60"),
        ([-42, 45, -55, 5, -65, 0], [48, 186, 84, 93, 43, 44], "elbow_flex from -55 to 84"),
        ([-42, 45, 35, -93, -65, 0], [48, 186, 173, -5, 43, 44], "home pose .* wrist_flex"),
        ([-0.73, 0.79, 0.62, 0.1, -1.1, 0], [0.85, 3.2, 3, 1.6, 0.76, 0.4], "home pose .* shoulder_lift"),
        ([-42, 45, 35, 5, -65, 0], [48, 215, 173, 93, 43, 44], "shoulder_lift from 45 to 215"),
    ],
    ids=[
        "present calibration",
        "percent",
        "present, less",
        "elbow shifted",
        "wrist turned",
        "radians",
        "beyond a limit",
    ],
)
def test_another_unit_zero_or_sense_is_refused_by_its_range(low: list[float], high: list[float], words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        check_handshake(SO101, _so101(low, high))


@pytest.mark.parametrize(
    ("joint", "middle"),
    [("shoulder_lift", -33.0), ("elbow_flex", 34.0), ("wrist_flex", -32.0), ("wrist_flex", -55.9)],
)
def test_a_median_far_from_home_is_refused_though_the_range_is_wide(joint: str, middle: float) -> None:
    low, high = [-105, -9, -5, -93, -150, 0], [105, 188, 185, 93, 150, 100]
    posture = list(PUBLISHED_MEAN)
    check_handshake(SO101, _so101(low, high, posture))
    posture[SO101.joint_names.index(joint)] = middle
    with pytest.raises(PolicyError, match=f"{joint} around .* degrees away"):
        check_handshake(SO101, _so101(low, high, posture))


def test_an_action_in_another_calibration_than_the_state_is_refused() -> None:
    tag = _tag(SO101)
    action = _stats(tag.action, [-60, -100, -80, -30, -90, 0], [60, 80, 97, 80, 90, 60])
    with pytest.raises(PolicyError, match="actions of shoulder_lift"):
        check_handshake(SO101, replace(tag, action=action))


def test_a_gripper_in_another_unit_is_refused() -> None:
    tag = _tag(DROID)
    with pytest.raises(PolicyError, match="states of gripper from 0 to 100"):
        check_handshake(
            DROID, replace(tag, state=_stats(tag.state, [*tag.state.low[:7], 0], [*tag.state.high[:7], 100]))
        )


def test_a_gripper_whose_action_never_changed_is_named() -> None:
    tag = _so101(*PUBLISHED)
    stuck = _stats(tag.action, [*PUBLISHED[0][:5], 0], [*PUBLISHED[1][:5], 0])
    (doubt,) = check_handshake(SO101, replace(tag, action=stuck))
    assert "the gripper's action is always 0.00: this checkpoint never opens it" in doubt


def test_an_arm_joint_that_never_moved_is_named_in_state_and_action() -> None:
    tag = _tag(DROID)
    low, high = tag.state.low.copy(), tag.state.high.copy()
    low[4], high[4] = 0.0, 0.001
    still = replace(tag, state=_stats(tag.state, low, high), action=_stats(tag.action, low, high))
    state, action = check_handshake(DROID, still)
    assert "the state of joint5 spans only 0 to 0.001 (less than an encoder's tick)" in state
    assert "the action of joint5" in action.replace("joint5's action", "the action of joint5")
    assert "never moves joint5" in action


def test_a_joint_that_stood_still_away_from_home_is_not_blamed_on_units() -> None:
    tag = _tag(DROID)
    low, high = tag.state.low.copy(), tag.state.high.copy()
    low[4], high[4] = 0.5, 0.501
    with pytest.raises(PolicyError, match=r"joint5 = 0\.000 .* did not move in training"):
        check_handshake(DROID, replace(tag, state=_stats(tag.state, low, high)))
