# SPDX-License-Identifier: Apache-2.0
"""A velocity that is not the derivative of its position is reported, with the unit that it seems to have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.recorded_drivers import ARM, DROID, GRIPPER, HOME, arrivals, numbers, states

from molmoact2_ros.doctor.check import Check
from molmoact2_ros.doctor.evidence import GroupReadings
from molmoact2_ros.doctor.state_checks import check_group, check_velocities
from molmoact2_ros.embodiment import DIFFERENCES


def _wave(time_s: float) -> np.ndarray:
    return HOME[:7] + 0.2 * np.sin(2.0 * time_s) * np.eye(7)[0]


def _moving(rate_factor: float) -> Check:
    return check_velocities("v", GroupReadings.read(DROID, ARM, states(ARM, _wave, rate_factor=rate_factor)))


def test_true_velocities_agree() -> None:
    assert _moving(1.0).found == "agree with the motion of the positions"


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (np.rad2deg(1.0), "degrees a second"),
        (9.55, "turns a minute"),
        (-1.0, "the opposite sign"),
        (0.0, "no true velocities"),
        (3.0, "correct the driver's velocities"),
    ],
)
def test_wrong_velocities_fail_with_their_likely_unit(factor: float, words: str) -> None:
    check = _moving(factor)
    assert check.status == "failed"
    assert "fr3_joint1 reports" in check.found
    assert words in check.remedy


def test_a_gripper_with_a_sign_of_its_own_agrees() -> None:
    record = states(GRIPPER, lambda time_s: np.array([0.5 + 0.3 * np.sin(time_s)]), arrivals(30.0))
    assert check_velocities("v", GroupReadings.read(DROID, GRIPPER, record)).status == "ok"


def test_an_arm_at_rest_proves_nothing_and_says_so() -> None:
    check = check_velocities("v", GroupReadings.read(DROID, ARM, states(ARM, HOME[:7])))
    assert check.status == "ok"
    assert "the unit shows in motion only" in check.found


def test_a_velocity_without_motion_fails() -> None:
    record = states(ARM, HOME[:7])
    for report in record.reports:
        report.velocities[:] = 0.5
    check = check_velocities("v", GroupReadings.read(DROID, ARM, record))
    assert check.found.endswith("reports 0.50 a second while it stands")


def test_a_driver_that_sends_no_velocities_is_well() -> None:
    record = numbers(tuple(ARM.joints.values()), HOME[:7])
    assert "differences of the positions" in check_velocities("v", GroupReadings.read(DROID, ARM, record)).found


def test_velocities_that_the_profile_distrusts_are_not_looked_at() -> None:
    doubted, record = replace(ARM, velocity=DIFFERENCES), states(ARM, _wave, rate_factor=0.0)
    failed = [
        [check.name for check in check_group(DROID, group, record) if check.status == "failed"]
        for group in (ARM, doubted)
    ]
    assert failed == [["joint1..joint7 velocities"], []]
