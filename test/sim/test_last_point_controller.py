# SPDX-License-Identifier: Apache-2.0
"""The manners of i2rt_ros2_jazzy: a chunk is its last point, at once; names do not count; silence lets go."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.sim import CommandRefused, JointTrajectory, LastPointController

MS = 1_000_000


def _trajectory(*points: list[float]) -> JointTrajectory:
    positions = np.array(points) if points else np.empty((0, 2))
    return JointTrajectory(0, ("any", "names"), 0.1 * np.arange(1, len(points) + 1), positions)


def _controller() -> LastPointController:
    return LastPointController(("a", "b"), np.zeros(2))


def _accept(controller: LastPointController, trajectory: JointTrajectory, now_ms: int = 1000) -> None:
    controller.accept(trajectory, now_ms * MS, np.zeros(2), np.zeros(2))


def test_a_chunk_is_jumped_to_its_end() -> None:
    controller = _controller()
    _accept(controller, _trajectory([0.1, 0.1], [0.2, 0.2], [0.9, 0.8]))
    positions, velocities = controller.sample(1000 * MS)
    assert positions.tolist() == [0.9, 0.8]
    assert velocities.tolist() == [0.0, 0.0]


def test_what_is_beyond_its_joints_is_dropped() -> None:
    controller = _controller()
    _accept(controller, _trajectory([0.1, 0.2, 0.3]))
    assert controller.sample(1000 * MS)[0].tolist() == [0.1, 0.2]


@pytest.mark.parametrize("trajectory", [_trajectory(), _trajectory([0.1])])
def test_no_point_or_too_few_positions_are_refused(trajectory: JointTrajectory) -> None:
    with pytest.raises(CommandRefused):
        _accept(_controller(), trajectory)


def test_after_a_fifth_of_a_second_without_a_command_the_measured_pose_is_held() -> None:
    controller = _controller()
    _accept(controller, _trajectory([0.5, 0.5]))
    controller.watch(np.array([0.4, 0.45]))
    assert controller.sample(1200 * MS)[0].tolist() == [0.5, 0.5]
    assert controller.sample(1201 * MS)[0].tolist() == [0.4, 0.45]
    controller.watch(np.array([0.3, 0.3]))
    assert controller.sample(2000 * MS)[0].tolist() == [0.4, 0.45], "and it does not sink along with the arm"


def test_a_pause_of_the_simulation_is_no_silence() -> None:
    controller = _controller()
    _accept(controller, _trajectory([0.5, 0.5]))
    controller.delay(5000 * MS)
    assert controller.sample(6000 * MS)[0].tolist() == [0.5, 0.5]
