# SPDX-License-Identifier: Apache-2.0
"""Pins the stream of setpoints: sampled in time, seamless from command to command, and a brake that is played out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fakes.commands import continued, resting_command
from fakes.fake_driver import MS

from molmoact2_ros.bridge import Setpoints
from molmoact2_ros.embodiment import Affine, Embodiment

DROID = Embodiment.load("droid")
ARM = DROID.driver("franka_ros2_robotiq").groups[0]
PERIOD_NS = 10 * MS
HOME = DROID.pose("home")[:7]


def _stream(group=ARM) -> Setpoints:
    return Setpoints(group, DROID.joint_names, PERIOD_NS)


def _fed(*commands) -> Setpoints:
    points = _stream()
    for command in commands:
        points.take(command, 0, 0)
    return points


def test_there_is_no_setpoint_before_a_command_starts():
    assert _stream().at(0) is None
    points = _fed(resting_command(DROID, 1000 * MS))
    assert points.at(999 * MS) is None
    assert points.at(1000 * MS) == pytest.approx(HOME)


def test_setpoints_lie_between_the_points_of_the_command():
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


def test_setpoints_come_in_the_controllers_order_and_each_joints_own_unit():
    turned = dict(reversed(ARM.joints.items()))
    unit = Affine.of_joints(Affine(1.0 + index, 10.0 * index) for index in range(7))
    points = _stream(dataclasses.replace(ARM, joints=turned, unit=unit))
    points.take(resting_command(DROID, 1000 * MS), 0, 0)
    assert points.names[0] == "fr3_joint7"
    assert points.at(1000 * MS) == pytest.approx((1.0 + np.arange(7)) * HOME[::-1] + 10.0 * np.arange(7))


def test_a_clock_that_is_set_does_not_move_the_robot_along_its_plan():
    points, hour_ns = _stream(), 3600 * 1000 * MS
    points.take(
        resting_command(DROID, 1000 * MS + hour_ns), hour_ns, 0
    )  # ROS time is an hour ahead of the steady clock
    assert points.at(1030 * MS) == pytest.approx(HOME - 0.02 * 1.5 / 4)


@pytest.mark.parametrize(("gap_ms", "interrupted"), [(10, False), (30, False), (34, False), (36, True), (1500, True)])
def test_a_stream_may_miss_two_of_its_periods_and_no_more(gap_ms, interrupted):
    points = _fed(resting_command(DROID, 1000 * MS))
    points.at(1010 * MS)
    assert points.interrupted_s((1010 + gap_ms) * MS) == (pytest.approx(gap_ms / 1e3) if interrupted else 0.0)


def test_a_stream_that_has_ended_or_not_begun_cannot_be_interrupted():
    points = _fed(resting_command(DROID, 1000 * MS))
    assert points.interrupted_s(5000 * MS) == 0.0
    points.at(1101 * MS)
    assert points.interrupted_s(5000 * MS) == 0.0


def test_nothing_is_left_of_a_stream_that_was_ended():
    points = _fed(resting_command(DROID, 1000 * MS))
    points.at(1010 * MS)
    points.end()
    assert points.at(1020 * MS) is None
    assert points.interrupted_s(5000 * MS) == 0.0
