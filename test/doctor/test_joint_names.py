# SPDX-License-Identifier: Apache-2.0
"""A driver that names the joints otherwise gets a remedy with what would fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from fakes.recorded_drivers import ARM, DROID, HOME, numbers, renamed, states

from molmoact2_ros.doctor.evidence import StateRecord
from molmoact2_ros.doctor.state_checks import check_names
from molmoact2_ros.embodiment import Driver, Embodiment


def _with_profile(name: str, names: dict[str, str]) -> Embodiment:
    group = replace(ARM, joints={joint: names[driver] for joint, driver in ARM.joints.items()})
    return replace(DROID, drivers={**DROID.drivers, name: Driver(name, (group, *DROID.drivers[DEFAULT].groups[1:]))})


DEFAULT = next(iter(DROID.drivers))
NAMES = tuple(ARM.joints.values())


def test_joints_between_those_of_other_drivers_are_found() -> None:
    assert check_names("names", DROID, ARM, states(ARM, HOME[:7])).status == "ok"


def test_another_profile_of_the_robot_that_fits_is_proposed() -> None:
    scheme = {name: f"axis_{name[-1]}" for name in NAMES}
    received = renamed(states(ARM, HOME[:7]), lambda name: scheme.get(name, name))
    check = check_names("names", _with_profile("lab_driver", scheme), ARM, received)
    assert check.status == "failed"
    assert check.remedy == "choose --driver lab_driver: these names are its own"


def test_another_prefix_is_reported() -> None:
    received = renamed(states(ARM, HOME[:7]), lambda name: f"left_{name}")
    assert "says 'left_fr3_joint' where the profile says 'fr3_joint'" in check_names("n", DROID, ARM, received).remedy


def test_one_missing_joint_is_named() -> None:
    check = check_names("names", DROID, ARM, numbers(NAMES[:6], HOME[:6]))
    assert check.found.startswith("no fr3_joint7; the topic names fr3_joint1,")
    assert "start the driver of these joints" in check.remedy


def test_joints_that_come_in_two_messages_are_refused_as_the_bridge_refuses_them() -> None:
    halves = [numbers(NAMES[:4], HOME[:4]), numbers(NAMES[4:], HOME[4:7])]
    arrivals = halves[0].arrivals.where(np.arange(halves[0].arrivals.count) < 2)
    torn = StateRecord((halves[0].reports[0], halves[1].reports[0]), arrivals)
    assert "in one message" in check_names("names", DROID, ARM, torn).remedy


def test_positions_that_lack_for_names_are_reported() -> None:
    check = check_names("names", DROID, ARM, numbers(NAMES, HOME[:6]))
    assert check.found == "7 names with 6 positions"
