# SPDX-License-Identifier: Apache-2.0
"""Merging of driver reports into the robot state, and the sentence for each that cannot be used. No ROS."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from fakes.fake_driver import MS, FakeDriver

from molmoact2_ros.bridge import DriverState
from molmoact2_ros.embodiment import DIFFERENCES, Embodiment

DROID = Embodiment.load("droid")
PROFILE = DROID.driver("franka_ros2_robotiq")
ARM, GRIPPER = PROFILE.groups
ARM_POSE = DROID.pose("home")[:7]
NOW = 1000 * MS


class _Robot:
    """The drivers of DROID and the bridge's view of them."""

    def __init__(self):
        self.state = DriverState(PROFILE, DROID.joint_names, max_age_s=0.2)
        self.arm, self.gripper = FakeDriver(ARM, ARM_POSE), FakeDriver(GRIPPER, np.array([0.25]))

    def take(self, arm=None, gripper=None):
        if arm is not None:
            self.state.take(ARM.state_topic, arm)
        if gripper is not None:
            self.state.take(GRIPPER.state_topic, gripper)
        return self

    def both(self, stamp_ms=1000.0):
        rates = self.arm.report(stamp_ms, velocities=np.zeros(7)), self.gripper.report(stamp_ms, velocities=np.zeros(1))
        return self.take(*rates)


def test_reversed_joints_of_two_drivers_become_one_state_in_our_order_and_units():
    velocities = np.arange(7) / 10
    robot = _Robot()
    robot.take(robot.arm.report(990, velocities=velocities), robot.gripper.report(970, velocities=np.array([0.5])))
    state = robot.state.robot_state(NOW)
    assert state.names == DROID.joint_names
    np.testing.assert_allclose(state.positions, [*ARM_POSE, 0.25])
    np.testing.assert_allclose(state.velocities, [*velocities, 0.5])


def test_state_is_stamped_with_its_oldest_part():
    robot = _Robot().both(970)
    robot.take(robot.arm.report(990, velocities=np.zeros(7)))
    assert robot.state.robot_state(NOW).stamp_ns == 970 * MS


def test_topics_are_listed_once_each():
    assert _Robot().state.topics == ["franka/joint_states", "joint_states"]


def test_messages_of_other_drivers_on_a_shared_topic_are_not_about_the_group():
    robot = _Robot().both()
    assert not robot.state.take(GRIPPER.state_topic, robot.arm.report(999))
    assert robot.state.problem(NOW) == ""


def test_a_group_that_never_came_is_named_with_what_came_instead():
    robot = _Robot()
    robot.take(robot.arm.report(1000, velocities=np.zeros(7)), robot.arm.report(1000))
    problem = robot.state.problem(NOW)
    assert (
        "'joint_states' is missing: expected robotiq_85_left_knuckle_joint, got only left_finger, fr3_joint7" in problem
    )
    assert robot.state.robot_state(NOW) is None


def test_both_groups_are_named_when_nothing_came():
    problem = DriverState(PROFILE, DROID.joint_names, 0.2).problem(NOW)
    assert problem.count("got nothing") == 2


def test_a_stale_group_is_named_with_age_and_budget():
    robot = _Robot().both(900)
    robot.take(robot.arm.report(1390, velocities=np.zeros(7)))
    problem = robot.state.problem(1400 * MS)
    assert problem.startswith(
        "driver topic 'joint_states' is stale: newest state of robotiq_85_left_knuckle_joint is 0.50"
    )
    assert robot.state.robot_state(1400 * MS) is None


def test_repeating_an_old_stamp_does_not_keep_a_state_fresh():
    robot = _Robot().both(900)
    assert not robot.state.take(ARM.state_topic, robot.arm.report(900, velocities=np.zeros(7)))
    assert "is stale" in robot.state.problem(1400 * MS)


def _without(report, name):
    kept = [index for index, other in enumerate(report.names) if other != name]
    names = tuple(report.names[index] for index in kept)
    return dataclasses.replace(report, names=names, positions=report.positions[kept])


@pytest.mark.parametrize(
    ("corrupt", "sentence"),
    [
        (lambda report: _without(report, "fr3_joint3"), "the message lacks fr3_joint3"),
        (lambda report: dataclasses.replace(report, names=("fr3_joint2", *report.names[1:])), "repeats fr3_joint2"),
        (lambda report: dataclasses.replace(report, positions=report.positions[:-1]), "9 positions .*, got 8"),
        (
            lambda report: dataclasses.replace(report, velocities=np.zeros(3)),
            "9 velocities .*, got 3; correct the driver, or set velocity: differences",
        ),
        (lambda report: dataclasses.replace(report, stamp_ns=0), "expected a stamp, got 0"),
    ],
)
def test_an_unusable_report_is_named_and_gives_no_state(corrupt, sentence):
    robot = _Robot().both(980)
    robot.take(corrupt(robot.arm.report(990)))
    assert robot.state.robot_state(NOW) is None
    assert re.search(f"'franka/joint_states' is invalid: .*{sentence}", robot.state.problem(NOW))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_position_that_is_not_finite_names_its_joint(value):
    robot = _Robot().both(980)
    robot.take(robot.arm.report(990, broken={"fr3_joint4": value}))
    assert f"expected finite positions, got {value} for fr3_joint4" in robot.state.problem(NOW)


def test_nan_in_an_unknown_joint_does_no_harm():
    robot = _Robot().both(980)
    robot.take(robot.arm.report(990, velocities=np.zeros(7), broken={"left_finger": np.nan}))
    assert robot.state.problem(NOW) == ""


def test_a_good_report_ends_the_complaint():
    robot = _Robot().both(980)
    robot.take(robot.arm.report(985, broken={"fr3_joint4": np.nan}))
    assert robot.both(990).state.problem(NOW) == ""


def test_velocities_of_another_length_do_no_harm_where_differences_are_taken():
    arm = dataclasses.replace(ARM, velocity=DIFFERENCES)
    state = DriverState(dataclasses.replace(PROFILE, groups=(arm,)), DROID.joint_names[:7], max_age_s=0.2)
    driver = FakeDriver(arm, ARM_POSE)
    for stamp_ms in (980, 990):
        state.take(ARM.state_topic, dataclasses.replace(driver.report(stamp_ms), velocities=np.zeros(2)))
    np.testing.assert_allclose(state.robot_state(NOW).velocities, 0.0)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("stray_ms", [60, 900, 5000, -5000])
def test_one_stray_stamp_does_not_blind_the_robot(stray_ms: int, known: bool):
    robot, blind, start = _Robot(), 0, 100 * NOW
    for index in range(200):
        now, stamp_ms = start + 10 * index * MS, start // MS - 2 + 10 * index
        report = robot.arm.report(stamp_ms + (stray_ms if index == 50 else 0), velocities=np.zeros(7))
        robot.state.take(ARM.state_topic, report, now if known else None)
        robot.take(gripper=robot.gripper.report(stamp_ms, velocities=np.zeros(1)))
        blind += bool(robot.state.problem(now))
    assert blind <= (0 if known else 1)
    assert robot.state.ignored == (known and stray_ms > 0)


def test_several_stamps_from_the_future_in_a_row_are_a_wrong_clock():
    robot = _Robot().both(990)
    for count in range(3):
        assert "in the future" not in robot.state.problem(NOW)
        robot.state.take(ARM.state_topic, robot.arm.report(1398 + count, velocities=np.zeros(7)), NOW)
    assert "'franka/joint_states' is invalid: its stamp lies 0.40 s in the future; set" in robot.state.problem(NOW)


EPOCH_MS = 1_790_000_000_000


@pytest.mark.parametrize(
    ("stamp_ms", "words"), [(312_000, "another clock (312.0 s since"), (0, "expected a stamp, got 0")]
)
def test_a_device_clock_is_named(stamp_ms: float, words: str):
    robot, now = _Robot(), EPOCH_MS * MS
    for report in (robot.arm.report(stamp_ms, velocities=np.zeros(7)),) * 3:
        robot.state.take(ARM.state_topic, report, now)
    assert words in robot.state.problem(now)


def test_a_stamp_in_the_future_is_refused():
    assert "lies 0.50 s in the future; set the clocks" in _Robot().both(1500).state.problem(NOW)


@pytest.mark.parametrize("velocities", [None, np.array([np.nan])])
def test_missing_or_nan_velocities_are_differences_over_fifty_milliseconds(velocities):
    robot = _Robot()
    robot.take(robot.arm.report(1000, velocities=np.zeros(7)))
    for index in range(12):
        robot.gripper.move(np.array([0.2 + 0.01 * max(index, 5)]))  # stands at first, then moves by 1 stroke a second
        robot.take(gripper=robot.gripper.report(890 + 10 * index, velocities=velocities))
    assert robot.state.robot_state(NOW).velocities[7] == pytest.approx(1.0)


def test_velocities_that_a_driver_gets_wrong_are_differences_too():
    arm = dataclasses.replace(ARM, velocity=DIFFERENCES)
    state = DriverState(dataclasses.replace(PROFILE, groups=(arm,)), DROID.joint_names[:7], max_age_s=0.2)
    driver = FakeDriver(arm, ARM_POSE)
    for index in range(12):
        driver.move(ARM_POSE + 0.003 * index)
        state.take(ARM.state_topic, driver.report(890 + 10 * index, velocities=np.zeros(7)))
    np.testing.assert_allclose(state.robot_state(NOW).velocities, 0.3)


def test_velocities_are_not_made_up_before_the_second_message():
    robot = _Robot()
    robot.take(robot.arm.report(1000, velocities=np.zeros(7)), robot.gripper.report(1000))
    assert "waiting for a second message" in robot.state.problem(NOW)
    robot.take(gripper=robot.gripper.report(1010))
    assert robot.state.robot_state(1010 * MS).velocities[7] == 0.0


def test_time_that_begins_again_is_followed():
    robot = _Robot().both(90_000)
    assert robot.both(1000).state.robot_state(NOW).stamp_ns == NOW


def test_differences_do_not_reach_back_over_a_new_beginning_of_time():
    robot = _Robot().both(90_000)
    robot.take(robot.arm.report(1000, velocities=np.zeros(7)), robot.gripper.report(990))
    robot.take(gripper=robot.gripper.report(1000))
    assert robot.state.robot_state(NOW).velocities[7] == 0.0
