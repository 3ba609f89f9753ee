# SPDX-License-Identifier: Apache-2.0
"""A forward command controller passes anything on; the gripper behind it has a speed and stops."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.sim import CommandRefused, ForwardController

S = 1_000_000_000


def _gripper() -> ForwardController:
    return ForwardController(("knuckle",), np.zeros(1), speed=np.ones(1), low=np.zeros(1), high=np.full(1, 0.8))


def test_moves_at_its_own_speed_and_stays() -> None:
    gripper = _gripper()
    gripper.sample(0)
    gripper.accept(np.array([0.5]))
    assert gripper.sample(S // 4)[0] == pytest.approx([0.25])
    assert gripper.sample(S // 2)[1] == pytest.approx([1.0])
    assert gripper.sample(2 * S)[0] == pytest.approx([0.5])


def test_stops_at_the_mechanical_end_whatever_the_command() -> None:
    gripper = _gripper()
    gripper.sample(0)
    gripper.accept(np.array([9.0]))
    assert gripper.sample(10 * S)[0] == pytest.approx([0.8])


@pytest.mark.parametrize("command", [np.zeros(2), np.zeros(0), np.array([np.nan])])
def test_command_of_wrong_size_or_not_finite_is_refused(command: np.ndarray) -> None:
    gripper = _gripper()
    with pytest.raises(CommandRefused):
        gripper.accept(command)
    assert gripper.target.tolist() == [0.0]
