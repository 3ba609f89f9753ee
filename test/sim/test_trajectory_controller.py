# SPDX-License-Identifier: Apache-2.0
"""The manners of ros2_controllers' joint_trajectory_controller, as its documentation has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from molmoact2_ros.sim import CommandRefused, JointTrajectory, TrajectoryController

NAMES = ("a", "b")
S = 1_000_000_000
REST = np.zeros(2)


def _controller() -> TrajectoryController:
    return TrajectoryController(NAMES, np.array([0.5, -0.5]))


def _trajectory(start_ns: int = 0, times: tuple[float, ...] = (1.0, 2.0), **changes) -> JointTrajectory:
    positions = np.outer(np.arange(1.0, len(times) + 1), [1.0, -1.0])
    velocities = np.ones((len(times), 2)) * [1.0, -1.0]
    velocities[-1] = 0.0
    return replace(JointTrajectory(start_ns, NAMES, np.array(times), positions, velocities), **changes)


def _accept(controller: TrajectoryController, trajectory: JointTrajectory, now_ns: int = 10 * S) -> None:
    controller.accept(trajectory, now_ns, np.array([0.5, -0.5]), REST)


def test_holds_where_it_started_until_a_trajectory_comes() -> None:
    position, velocity = _controller().sample(5 * S)
    assert position.tolist() == [0.5, -0.5]
    assert velocity.tolist() == [0.0, 0.0]


def test_stamp_zero_means_now() -> None:
    controller = _controller()
    _accept(controller, _trajectory(start_ns=0))
    assert controller.sample(11 * S)[0] == pytest.approx([1.0, -1.0])
    assert controller.end_ns == 12 * S


def test_passes_through_points_with_their_velocities_and_holds_the_last() -> None:
    controller = _controller()
    _accept(controller, _trajectory())
    position, velocity = controller.sample(11 * S)
    assert position == pytest.approx([1.0, -1.0])
    assert velocity == pytest.approx([1.0, -1.0])
    position, velocity = controller.sample(60 * S)
    assert position == pytest.approx([2.0, -2.0])
    assert velocity == pytest.approx([0.0, 0.0])


def test_cubic_is_smooth_between_points() -> None:
    controller = _controller()
    _accept(controller, _trajectory())
    times = np.arange(10 * S, int(12.1 * S), S // 1000)
    positions = np.array([controller.sample(int(t))[0][0] for t in times])
    velocities = np.array([controller.sample(int(t))[1][0] for t in times])
    assert np.diff(positions) * 1000 == pytest.approx(velocities[:-1], abs=0.01)
    assert np.abs(np.diff(velocities)).max() < 0.01


def test_positions_alone_are_joined_by_lines() -> None:
    controller = _controller()
    _accept(controller, _trajectory(velocities=None))
    assert controller.sample(int(11.25 * S))[0] == pytest.approx([1.25, -1.25])
    assert controller.sample(int(11.25 * S))[1] == pytest.approx([1.0, -1.0])


def test_trajectory_that_began_in_the_past_is_joined_in_the_present() -> None:
    controller = _controller()
    _accept(controller, _trajectory(start_ns=int(8.5 * S), velocities=None))
    assert controller.sample(10 * S)[0] == pytest.approx([1.5, -1.5])


def test_new_trajectory_replaces_the_running_one_from_the_measured_state() -> None:
    controller = _controller()
    _accept(controller, _trajectory())
    controller.accept(_trajectory(velocities=None), 11 * S, np.array([0.9, -0.9]), np.array([1.0, -1.0]))
    assert controller.sample(11 * S)[0] == pytest.approx([0.9, -0.9])
    assert controller.sample(12 * S)[0] == pytest.approx([1.0, -1.0])


def test_joints_may_come_in_another_order() -> None:
    controller = _controller()
    _accept(controller, _trajectory(names=("b", "a")))
    assert controller.sample(20 * S)[0] == pytest.approx([-2.0, 2.0])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"names": ("a", "c")}, "expected joints a, b"),
        ({"names": ("a",)}, "expected joints a, b"),
        ({"velocities": np.ones((2, 2))}, "last point still moves"),
        ({"times_s": np.array([1.0, 1.0])}, "do not increase"),
        ({"times_s": np.zeros(0)}, "without points"),
        ({"positions": np.zeros((2, 3))}, "2 points of 2 values"),
        ({"positions": np.full((2, 2), np.nan)}, "not finite"),
        ({"start_ns": 7 * S}, "ended 1000 ms before"),
    ],
)
def test_refused_trajectory_leaves_the_running_one_alone(changes: dict, reason: str) -> None:
    controller = _controller()
    _accept(controller, _trajectory())
    with pytest.raises(CommandRefused, match=reason):
        _accept(controller, _trajectory(**changes))
    assert controller.sample(20 * S)[0] == pytest.approx([2.0, -2.0])


def test_delay_shifts_what_is_left_of_the_motion() -> None:
    controller = _controller()
    _accept(controller, _trajectory())
    controller.delay(3 * S)
    assert controller.sample(14 * S)[0] == pytest.approx([1.0, -1.0])
