# SPDX-License-Identifier: Apache-2.0
"""The figures of a run: what counts, what does not, and against what the arm is compared."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.interfaces.joint_command import JointCommand
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.recording.run_metrics import RunMetrics, position_at

MS = 1_000_000
STEP_S = 0.02
NAMES = ("joint1", "gripper")


def _command(start_ms: float, velocity: float = 0.0, chunk: int = 1, position: float = 0.0) -> JointCommand:
    times = np.arange(4) * STEP_S
    positions = np.stack([position + velocity * times, np.zeros(4)], axis=1)
    velocities = np.stack([np.full(4, velocity), np.full(4, 9.0)], axis=1)
    return JointCommand(int(start_ms * MS), 1, STEP_S, NAMES, 4, positions, velocities, 1, chunk)


def _armed() -> RunMetrics:
    metrics = RunMetrics(("joint1",))
    metrics.on_safety(armed=True, cause="", now_ns=0)
    return metrics


def _state(time_ms: float, position: float) -> RobotState:
    return RobotState(int(time_ms * MS), NAMES, np.array([position, 5.0]), np.zeros(2))


def test_nothing_counts_before_arming() -> None:
    metrics = RunMetrics(("joint1",))
    metrics.on_observation()
    metrics.on_chunk(0.1)
    metrics.on_command(_command(0))
    assert (metrics.observations, metrics.chunks, metrics.commands, metrics.latency_ms(50)) == (0, 0, 0, None)


def test_armed_time_is_the_sum_of_the_armed_spells() -> None:
    metrics = _armed()
    metrics.on_safety(armed=False, cause="", now_ns=2_000 * MS)
    metrics.on_safety(armed=True, cause="", now_ns=5_000 * MS)
    assert metrics.armed_seconds(6_000 * MS) == pytest.approx(3.0)


def test_a_hold_counts_as_starved_only_after_the_first_chunk() -> None:
    metrics = _armed()
    for chunk in (0, 0, 1, 0, 2):
        metrics.on_command(_command(0, chunk=chunk))
    assert metrics.starved_ticks == 1


def test_the_velocity_step_is_taken_at_seams_and_of_arm_joints_only() -> None:
    metrics = _armed()
    for velocity, chunk in ((0.0, 1), (0.5, 1), (0.8, 2)):
        metrics.on_command(_command(0, velocity, chunk))
    assert metrics.max_seam_velocity_step_rad_s == pytest.approx(0.3)


def test_the_measured_pose_is_compared_with_the_command_in_force_at_its_time() -> None:
    metrics = _armed()
    metrics.on_command(_command(0, velocity=1.0))
    metrics.on_command(_command(20, velocity=1.0, position=0.02))
    metrics.on_robot_state(_state(10, 0.009))  # late: the second command has been seen already
    assert metrics.max_tracking_error_rad == pytest.approx(0.001)


def test_a_stop_that_ends_the_run_on_purpose_is_no_stop_cause() -> None:
    metrics = _armed()
    metrics.freeze(1_000 * MS)
    metrics.on_safety(armed=False, cause="operator stop", now_ns=1_100 * MS)
    assert (metrics.stop_causes, metrics.armed_seconds(9_000 * MS)) == ([], 1.0)


def test_a_stop_during_the_run_is_named_once() -> None:
    metrics = _armed()
    for time_ms in (1, 2):
        metrics.on_safety(armed=False, cause="stale state", now_ns=time_ms * MS)
    assert metrics.stop_causes == ["stale state"]


@pytest.mark.parametrize(("time_ms", "expected"), [(-5, 0.0), (0, 0.0), (10, 0.01), (30, 0.03), (500, 0.06)])
def test_position_at_follows_the_points_and_holds_outside(time_ms: float, expected: float) -> None:
    assert position_at(_command(0, velocity=1.0), int(time_ms * MS))[0] == pytest.approx(expected)
