# SPDX-License-Identifier: Apache-2.0
"""Pins the stream of set points: sampled in time, seamless from command to command, and a brake that is played out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fakes.commands import continued, resting_command
from fakes.fake_driver import MS

from molmoact2_ros.bridge import SetPoints
from molmoact2_ros.embodiment import Affine, Embodiment

DROID = Embodiment.load("droid")
ARM = DROID.driver("franka_ros2_robotiq").groups[0]
HOME = DROID.pose("home")[:7]


def _stream(group=ARM) -> SetPoints:
    return SetPoints(group, DROID.joint_names)


def _fed(*commands) -> SetPoints:
    points = _stream()
    for command in commands:
        points.take(command)
    return points


def test_there_is_no_set_point_before_a_command_starts():
    assert _stream().at(0) is None
    points = _fed(resting_command(DROID, 1000 * MS))
    assert points.at(999 * MS) is None
    assert points.at(1000 * MS) == pytest.approx(HOME)


def test_set_points_lie_between_the_points_of_the_command():
    points = _fed(resting_command(DROID, 1000 * MS))
    assert points.at(1030 * MS) == pytest.approx(HOME - 0.02 * 1.5 / 4)


def test_the_point_at_rest_is_given_once_and_then_nothing():
    points = _fed(resting_command(DROID, 1000 * MS))
    assert points.at(1101 * MS) == pytest.approx(HOME - 0.02)
    assert points.at(1111 * MS) is None


def test_a_command_that_starts_later_lets_the_one_before_it_play_on():
    first = resting_command(DROID, 1000 * MS)
    points = _fed(first, continued(first, 1040 * MS))
    samples = [points.at(time_ms * MS)[0] for time_ms in range(1000, 1081, 5)]
    np.testing.assert_allclose(np.diff(samples), -0.02 / 16, atol=1e-9)


def test_the_newest_of_the_commands_that_have_begun_counts():
    early, late = resting_command(DROID, 1000 * MS), resting_command(DROID, 1010 * MS)
    moved = dataclasses.replace(late, positions=late.positions + 0.1)
    assert _fed(early, moved).at(1010 * MS) == pytest.approx(HOME + 0.1)


def test_set_points_come_in_the_controllers_order_and_each_joints_own_unit():
    turned = dict(reversed(ARM.joints.items()))
    unit = Affine.of_joints(Affine(1.0 + index, 10.0 * index) for index in range(7))
    points = _stream(dataclasses.replace(ARM, joints=turned, unit=unit))
    points.take(resting_command(DROID, 1000 * MS))
    assert points.names[0] == "fr3_joint7"
    assert points.at(1000 * MS) == pytest.approx((1.0 + np.arange(7)) * HOME[::-1] + 10.0 * np.arange(7))
