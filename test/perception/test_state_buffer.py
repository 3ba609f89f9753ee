# SPDX-License-Identifier: Apache-2.0
"""Which robot states perception accepts. No ROS."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.perception.state_buffer import StateBuffer

NAMES = ("a", "b", "c")


def _state(stamp_ns=10, names=NAMES, positions=(1.0, 2.0, 3.0)):
    return RobotState(stamp_ns, tuple(names), np.array(positions), np.zeros(len(positions)))


def test_joints_in_another_order_are_sorted_by_name():
    buffer = StateBuffer(NAMES)
    buffer.add(_state(names=("c", "b", "a"), positions=(3.0, 2.0, 1.0)))
    np.testing.assert_array_equal(buffer.newest.positions, [1.0, 2.0, 3.0])
    assert buffer.newest.names == NAMES


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (_state(names=("a", "b"), positions=(1.0, 2.0)), "expected the joints a, b, c once each, got a, b"),
        (_state(names=("a", "b", "b")), "got a, b, b"),
        (_state(positions=(1.0, np.nan, 3.0)), "expected finite positions, got nan for b"),
        (_state(positions=(1.0, 2.0)), "expected 3 positions and velocities, got 2 positions and 2 velocities"),
    ],
)
def test_an_unusable_state_is_named_and_not_kept(state, sentence):
    buffer = StateBuffer(NAMES)
    buffer.add(state)
    assert sentence in buffer.invalid
    assert buffer.newest is None


def test_an_equal_stamp_replaces_the_state_and_counts_as_repeated():
    buffer = StateBuffer(NAMES)
    buffer.add(_state())
    buffer.add(_state(positions=(9.0, 2.0, 3.0)))
    assert (buffer.newest.positions[0], buffer.repeated) == (9.0, 1)


def test_an_older_state_is_not_taken_unless_time_began_again():
    buffer = StateBuffer(NAMES)
    for stamp_ns in (5_000_000_000, 4_900_000_000):
        buffer.add(_state(stamp_ns))
    assert buffer.newest.stamp_ns == 5_000_000_000
    buffer.add(_state(1_000_000))
    assert buffer.newest.stamp_ns == 1_000_000
