# SPDX-License-Identifier: Apache-2.0
"""A checkpoint that does not fit the robot is refused with one sentence that says what to change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.policy.handshake import check_handshake
from molmoact2_ros.policy.policy import PolicyError
from molmoact2_ros.processing.norm_stats import NormStats, TagStats
from molmoact2_ros.processing.normalizer import TrainingRange

TINY_BASE = Path(__file__).parents[1] / "data" / "parity" / "tiny_base"


def _droid_tag() -> TagStats:
    return NormStats.load(TINY_BASE).tag("franka_droid")


def _renamed(tag: TagStats, names: tuple[str, ...]) -> TagStats:
    return replace(tag, state=replace(tag.state, names=names))


def _in_degrees(tag: TagStats) -> TagStats:
    low, high = np.full(8, 40, np.float32), np.full(8, 180, np.float32)
    return replace(tag, state=replace(tag.state, low=low, high=high, seen=TrainingRange(low, None, high)))


def test_droid_and_its_own_norm_tag_agree() -> None:
    check_handshake(Embodiment.load("droid"), _droid_tag())


def test_a_checkpoint_with_one_camera_more_agrees_if_the_order_is_kept() -> None:
    keys = ("exterior_1_left", "exterior_2_left", "wrist_left")
    check_handshake(Embodiment.load("droid"), replace(_droid_tag(), camera_keys=keys))


def test_a_checkpoint_that_names_no_cameras_agrees() -> None:
    check_handshake(Embodiment.load("droid"), replace(_droid_tag(), camera_keys=()))


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        (replace(_droid_tag(), setup="two arms"), "policy.setup"),
        (replace(_droid_tag(), control="delta end-effector pose"), "policy.control"),
        (replace(_droid_tag(), action_horizon=30), "policy.horizon 15"),
        (replace(_droid_tag(), camera_keys=("wrist_left", "exterior_1_left")), "not found in this order"),
        (replace(_droid_tag(), camera_keys=("exterior_1_left",)), "external, wrist"),
        (_renamed(_droid_tag(), ("gripper", *(f"joint_{i}" for i in range(7)))), "'gripper' of norm tag"),
        (_in_degrees(_droid_tag()), "the joint's unit"),
        (NormStats.load(TINY_BASE).tag("libero"), "policy.setup"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_with_what_differs(tag: TagStats, words: str) -> None:
    with pytest.raises(PolicyError) as caught:
        check_handshake(Embodiment.load("droid"), tag)
    assert words in str(caught.value)


def test_a_norm_tag_of_another_width_is_refused_with_both_lists_of_names() -> None:
    yam = NormStats.load(TINY_BASE).tag("yam_dual_molmoact2")
    tag = replace(_droid_tag(), state=yam.state)
    with pytest.raises(PolicyError, match=r"14 state dimensions .*left_joint_1.*8 joints .*joint1"):
        check_handshake(Embodiment.load("droid"), tag)
