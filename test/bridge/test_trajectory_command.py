# SPDX-License-Identifier: Apache-2.0
"""What a joint trajectory controller is sent. No ROS."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fakes.commands import resting_command

from molmoact2_ros.bridge import TrajectoryCommand
from molmoact2_ros.embodiment import Affine, Embodiment

DROID = Embodiment.load("droid")
ARM = DROID.driver("franka_ros2_robotiq").groups[0]


def test_points_hold_the_groups_columns_in_the_controllers_order():
    turned = dataclasses.replace(ARM, joints=dict(reversed(ARM.joints.items())))
    command = resting_command(DROID, 0)
    sender = TrajectoryCommand(turned, DROID.joint_names)
    assert sender.names[0] == "fr3_joint7"
    np.testing.assert_array_equal(sender.points(command).positions, command.positions[:, 6::-1])


def test_units_scale_positions_with_and_velocities_without_the_offset():
    degrees = dataclasses.replace(ARM, unit=Affine(scale=180 / np.pi, offset=90))
    command = resting_command(DROID, 0)
    points = TrajectoryCommand(degrees, DROID.joint_names).points(command)
    np.testing.assert_allclose(points.positions, np.degrees(command.positions[:, :7]) + 90)
    np.testing.assert_allclose(points.velocities, np.degrees(command.velocities[:, :7]))


@pytest.mark.parametrize(("stride", "rows"), [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4, 5]), (4, [0, 4, 5]), (99, [0, 5])])
def test_thinning_keeps_times_and_the_point_at_rest(stride, rows):
    command = resting_command(DROID, 0)
    points = TrajectoryCommand(ARM, DROID.joint_names, stride).points(command)
    np.testing.assert_array_equal(points.times_ns, np.array(rows) * 20_000_000)
    np.testing.assert_array_equal(points.velocities[-1], np.zeros(7))
    np.testing.assert_array_equal(points.positions, command.positions[rows, :7])
