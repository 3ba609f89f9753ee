# SPDX-License-Identifier: Apache-2.0
"""A pose that the arm cannot have is reported with joint, value and range, and with what would explain it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.recorded_drivers import ARM, DROID, HOME, states

from molmoact2_ros.doctor.check import Check
from molmoact2_ros.doctor.evidence import GroupReadings
from molmoact2_ros.doctor.unit_checks import check_arm
from molmoact2_ros.embodiment import Affine


def _home(**moved_rad: float) -> np.ndarray:
    return HOME[:7] + np.array([moved_rad.get(joint, 0.0) for joint in ARM.joints])


def _arm(pose: np.ndarray) -> Check:
    return check_arm("limits", GroupReadings.read(DROID, ARM, states(ARM, pose)))


def test_a_pose_inside_the_limits_is_shown_to_be_compared() -> None:
    check = _arm(HOME[:7])
    assert check.status == "ok"
    assert check.found.startswith("0.00, -0.63, 0.00, -2.51, 0.00, 1.88, 0.00 rad")


def test_a_pose_outside_names_joint_value_and_range() -> None:
    check = _arm(_home(joint2=2.4))
    assert (check.status, check.found) == ("failed", "fr3_joint2 = 1.772 rad")
    assert check.expected == "joint2 in -1.68..1.68 rad"


@pytest.mark.parametrize(
    ("pose", "words"),
    [
        (np.rad2deg(HOME[:7]), "degrees"),
        (np.rad2deg(HOME[:7]) + 500, "more than a turn: these look like degrees"),
        (2048 + HOME[:7] * 4096 / (2 * np.pi), "encoder ticks"),
        (HOME[:7] * [1, 1, 1, -1, 1, 1, 1], "opposite sign"),
        (_home(joint7=2 * np.pi - 1), "a whole turn less"),
        (_home(joint6=3.0), "compare its zero"),
    ],
)
def test_what_would_explain_a_pose_is_reported(pose: np.ndarray, words: str) -> None:
    check = _arm(pose)
    assert check.status == "failed"
    assert words in check.remedy


def test_radians_where_the_profile_expects_degrees_are_a_warning() -> None:
    degrees = replace(ARM, unit=Affine(scale=float(np.rad2deg(1.0))))
    wide = replace(DROID, joints=tuple(replace(joint, low=-3.0, high=3.0) for joint in DROID.joints))
    check = check_arm("limits", GroupReadings.read(wide, degrees, states(ARM, HOME[:7])))
    assert check.status == "warning"
    assert "sends radians" in check.remedy
