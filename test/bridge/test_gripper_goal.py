# SPDX-License-Identifier: Apache-2.0
"""When a gripper controller is sent a goal, and which. No ROS."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.commands import resting_command
from fakes.fake_driver import MS

from molmoact2_ros.bridge import GripperGoal
from molmoact2_ros.embodiment import Embodiment

DROID = Embodiment.load("droid")
GRIPPER = DROID.driver("franka_ros2_robotiq").groups[1]


def _sender():
    return GripperGoal(GRIPPER, DROID.joint_names, min_step=0.01, rate_hz=10.0)


def _command(gripper):
    positions = np.tile(DROID.pose("home"), (6, 1))
    positions[:, 7] = gripper
    return resting_command(DROID, 0, positions=positions)


def test_goal_is_the_last_motion_point_in_the_drivers_unit():
    goal = _sender().goal(_command([1.0, 0.9, 0.8, 0.7, 0.6, 0.5]), 5000 * MS)
    assert goal == pytest.approx([0.7929 * (1 - 0.8)])


@pytest.mark.parametrize(("second", "sent"), [(0.495, False), (0.48, True)])
def test_a_goal_is_sent_again_only_when_it_changed_by_a_step(second, sent):
    sender = _sender()
    sender.goal(_command(0.5), 5000 * MS)
    assert (sender.goal(_command(second), 5200 * MS) is not None) == sent


def test_small_steps_add_up():
    sender = _sender()
    goals = [sender.goal(_command(0.5 + 0.004 * index), (5000 + 200 * index) * MS) for index in range(7)]
    assert [goal is not None for goal in goals] == [True, False, False, True, False, False, True]


def test_goals_keep_to_their_rate():
    sender = _sender()
    goals = [sender.goal(_command(index / 100), (5000 + 20 * index) * MS) for index in range(50)]
    assert sum(goal is not None for goal in goals) <= 11


def test_after_a_pause_the_goal_is_sent_in_any_case():
    sender = _sender()
    sender.goal(_command(0.5), 5000 * MS)
    assert sender.goal(_command(0.5), 6500 * MS) is not None
