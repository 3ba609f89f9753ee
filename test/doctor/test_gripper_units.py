# SPDX-License-Identifier: Apache-2.0
"""A gripper's unit: refused where it cannot be, doubted where another explains it better, else put in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.recorded_drivers import DROID, GRIPPER, arrivals

from molmoact2_ros.doctor.check import Check
from molmoact2_ros.doctor.evidence import GroupReadings, StateRecord
from molmoact2_ros.doctor.unit_checks import check_gripper
from molmoact2_ros.embodiment import Affine
from molmoact2_ros.interfaces.joint_report import DriverReport

KNUCKLE = GRIPPER.unit
OPENING, PERCENT, WIDTH_M, FINGER_M, JAW = (
    Affine(),
    Affine(100.0),
    Affine(0.085),
    Affine(-0.0475),
    Affine(1.919863, -0.174533),
)


def _received(unit: Affine, *values: float) -> Check:
    """Judge a gripper that went from the first value to the last while listening."""
    count = arrivals(30.0)
    course = np.interp(np.linspace(0, 1, count.count), np.linspace(0, 1, len(values)), values)
    names = tuple(GRIPPER.joints.values())
    reports = [DriverReport(int(stamp), names, np.array([value]), np.zeros(0))
               for stamp, value in zip(count.stamps_ns, course, strict=True)]  # fmt: skip
    readings = GroupReadings.read(DROID, replace(GRIPPER, unit=unit), StateRecord(tuple(reports), count))
    return check_gripper("unit", readings, 0)


@pytest.mark.parametrize(
    ("unit", "value", "words"),
    [
        (KNUCKLE, 0.003, "100 % open"),
        (KNUCKLE, 0.79, "0 % open"),
        (KNUCKLE, 0.40, "50 % open"),
        (OPENING, 0.6, "60 % open"),
        (PERCENT, 9.24, "9 % open"),
        (WIDTH_M, 0.085, "100 % open"),
        (FINGER_M, -0.02, "42 % open"),
        (JAW, 0.02, "10 % open"),
    ],
)
def test_a_plausible_gripper_is_put_in_words_to_be_looked_at(unit: Affine, value: float, words: str) -> None:
    check = _received(unit, value)
    assert check.status == "ok", check
    assert f"which reads {words}: look whether it is" in check.found


@pytest.mark.parametrize(
    ("unit", "value", "words"),
    [
        (WIDTH_M, 0.7929, "the knuckle of a Robotiq 2F-85 in rad"),
        (OPENING, 85.0, "a percentage"),
        (FINGER_M, 0.6, "an opening from 0 to 1"),
        (KNUCKLE, -0.0475, "a finger's way in m"),
        (KNUCKLE, 255.0, "correct the driver"),
    ],
)
def test_a_value_outside_the_stroke_fails_and_the_unit_is_guessed(unit: Affine, value: float, words: str) -> None:
    check = _received(unit, value)
    assert check.status == "failed"
    assert words in check.remedy


@pytest.mark.parametrize(
    ("unit", "value", "words"),
    [
        (KNUCKLE, 0.085, "width of a Robotiq 2F-85 in m"),
        (KNUCKLE, 0.05, "width of a Robotiq 2F-85 in m"),
        (OPENING, 0.7929, "knuckle of a Robotiq 2F-85 in rad"),
    ],
)
def test_a_value_that_another_unit_explains_better_is_a_warning(unit: Affine, value: float, words: str) -> None:
    check = _received(unit, value)
    assert check.status == "warning"
    assert words in check.remedy


@pytest.mark.parametrize(("unit", "stroke"), [(KNUCKLE, 0.085), (OPENING, 0.7929), (PERCENT, 1.0)])
def test_a_gripper_that_was_moved_through_another_unit_s_stroke_fails(unit: Affine, stroke: float) -> None:
    check = _received(unit, 0.0, stroke, 0.0)
    assert check.status == "failed"
    assert "the whole stroke of" in check.found


def test_a_gripper_that_was_moved_through_its_own_stroke_is_well() -> None:
    assert _received(KNUCKLE, 0.0, 0.78, 0.02).status == "ok"
