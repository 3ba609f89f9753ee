# SPDX-License-Identifier: Apache-2.0
"""Each kind of corrupted chunk breaks the rule that it is meant to break, and no other. No ROS."""

from __future__ import annotations

import functools

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.fault_injection.corrupted_chunks import KINDS, CorruptedChunks
from molmoact2_ros.interfaces.action_chunk import ActionChunk
from molmoact2_ros.interfaces.safety_state import Cause
from molmoact2_ros.safety import CollisionChecker, Limits

S = 1_000_000_000
NOW_NS = 1_700_000_000 * S
ROBOTS = ("droid", "yam", "so101")


@functools.cache
def _corrupted(robot: str) -> tuple[Limits, CollisionChecker, CorruptedChunks]:
    """The search for poses in collision takes a second: once for each robot."""
    embodiment = Embodiment.load(robot)
    limits, collision_checker = Limits.load(embodiment), CollisionChecker.load(embodiment)
    return limits, collision_checker, CorruptedChunks(limits, collision_checker, embodiment.pose("home"))


class _Policy:
    """Honest chunks of a robot that swings slowly about home, and what becomes of them."""

    def __init__(self, robot: str, kind: str = "") -> None:
        self.robot = Embodiment.load(robot)
        self.limits, self.collision_checker, self.corrupted = _corrupted(robot)
        self.corrupted.choose(kind)

    def honest(self, at_s: float) -> ActionChunk:
        horizon, step_s = self.robot.policy.horizon, 1.0 / self.robot.policy.rate_hz
        times_s = at_s + step_s * np.arange(horizon)
        swing = 0.1 * np.sin(2 * times_s)[:, None] * ~self.robot.is_gripper
        stamp_ns = NOW_NS + round(at_s * S)
        return ActionChunk(stamp_ns, 1, step_s, self.robot.joint_names, self.robot.pose("home") + swing)

    def chunk(self, at_s: float) -> ActionChunk:
        return self.corrupted.corrupt(self.honest(at_s), NOW_NS + round((at_s + 0.1) * S))

    def led(self, seconds: float) -> np.ndarray:
        """Return row 3 of chunks that come 50 times a second [chunks, joints]: where the robot is led."""
        return np.array([self.chunk(at_s).positions[3] for at_s in np.arange(0.0, seconds, 0.02)])


def test_without_a_kind_chunks_pass_as_they_are() -> None:
    policy = _Policy("droid")
    np.testing.assert_array_equal(policy.chunk(1.0).positions, policy.honest(1.0).positions)
    assert policy.corrupted.hold_back_s == 0.0


def test_an_unknown_kind_is_refused_with_those_known() -> None:
    with pytest.raises(ValueError, match=f"expected one of {', '.join(KINDS)}, or nothing; got 'bad'"):
        _Policy("droid").corrupted.choose("bad")


def test_nan_is_one_number_and_the_honest_chunk_is_untouched() -> None:
    policy = _Policy("droid", "nan")
    honest = policy.honest(0.0)
    assert np.isnan(policy.corrupted.corrupt(honest, NOW_NS).positions).sum() == 1
    assert np.isfinite(honest.positions).all()


def test_a_wrong_width_lacks_a_column_that_is_named() -> None:
    chunk = _Policy("droid", "wrong_width").chunk(0.0)
    assert chunk.positions.shape[1] == len(chunk.names) - 1


@pytest.mark.parametrize("robot", ROBOTS)
def test_a_jump_is_a_radian_of_one_joint_inside_its_range(robot: str) -> None:
    policy = _Policy(robot, "jump")
    way = policy.chunk(0.0).positions - policy.honest(0.0).positions
    np.testing.assert_allclose(np.abs(way).max(axis=1), 1.0)
    assert (np.abs(way) > 0).any(axis=0).sum() == 1
    last = policy.chunk(0.0).positions[-1]
    assert np.all(((last > policy.limits.low) & (last < policy.limits.high)) | policy.limits.is_gripper)


def test_old_stamps_fall_behind_though_every_chunk_is_newer_than_the_last() -> None:
    policy = _Policy("droid", "old_stamps")
    stamps_s = [(policy.chunk(at_s).stamp_ns - NOW_NS) / S for at_s in np.arange(0.0, 4.0, 0.1)]
    assert np.diff(stamps_s).min() > 0
    assert stamps_s[0] == 0.0
    assert 3.9 - stamps_s[-1] == pytest.approx(2.0)


def test_two_rows_and_a_tiny_step_leave_stamps_and_names() -> None:
    short, quick, honest = _Policy("droid", "two_rows").chunk(0.0), _Policy("droid", "tiny_step").chunk(0.0), NOW_NS
    assert (len(short.positions), short.stamp_ns) == (2, honest)
    assert (quick.step_s, quick.stamp_ns, len(quick.positions)) == (1e-6, honest, _Policy("droid").robot.policy.horizon)


def test_stamps_lie_ahead_or_never_change() -> None:
    ahead = _Policy("droid", "future")
    assert [ahead.chunk(at_s).stamp_ns - NOW_NS for at_s in (0.0, 0.5)] == [round(0.9 * S), round(1.4 * S)]
    same = _Policy("droid", "same_stamp")
    assert {same.chunk(at_s).stamp_ns for at_s in (0.0, 0.5, 1.0)} == {NOW_NS}


@pytest.mark.parametrize(("kind", "rows"), [("one_long", 2_000), ("one_very_long", 10_000), ("long", 500)])
def test_long_chunks_rest_where_the_honest_one_ends(kind: str, rows: int) -> None:
    policy = _Policy("droid", kind)
    horizon, chunk, next_chunk = policy.robot.policy.horizon, policy.chunk(0.0), policy.chunk(0.1)
    assert len(chunk.positions) == rows
    np.testing.assert_array_equal(chunk.positions[horizon - 1 :], chunk.positions[-1:].repeat(rows - horizon + 1, 0))
    assert len(next_chunk.positions) == (rows if kind == "long" else horizon)


def test_slow_and_silent_hold_back() -> None:
    policy = _Policy("droid", "slow")
    assert policy.corrupted.hold_back_s == 3.0
    policy.corrupted.choose("silent")
    assert policy.corrupted.hold_back_s == np.inf


@pytest.mark.parametrize("robot", ROBOTS)
@pytest.mark.parametrize("kind", ["out_of_range", "in_collision"])
def test_a_forbidden_pose_is_reached_smoothly(robot: str, kind: str) -> None:
    policy = _Policy(robot, kind)
    led = policy.led(12.0)
    velocity, acceleration = np.diff(led, axis=0) / 0.02, np.diff(led, n=2, axis=0) / 0.02**2
    assert (np.abs(velocity) / policy.limits.velocity).max() < 0.5
    assert (np.abs(acceleration) / policy.limits.acceleration).max() < 0.5
    np.testing.assert_array_equal(led[-1], led[-10])  # and stays there


@pytest.mark.parametrize("robot", ROBOTS)
def test_only_the_range_objects_to_a_pose_out_of_range(robot: str) -> None:
    policy = _Policy(robot, "out_of_range")
    last = policy.led(12.0)[-1]
    outside = (last < policy.limits.low) | (last > policy.limits.high)
    assert outside.sum() == 1
    assert policy.collision_checker.check(last, np.zeros_like(last)) is None


@pytest.mark.parametrize("robot", ROBOTS)
def test_the_first_objection_on_the_way_to_a_collision_is_the_collision(robot: str) -> None:
    policy = _Policy(robot, "in_collision")
    led = policy.led(12.0)
    velocities = np.gradient(led, 0.02, axis=0)
    causes = [
        verdict.cause
        for pose in zip(led, velocities, strict=True)
        if (verdict := policy.collision_checker.check(*pose))
    ]
    assert set(causes) == {Cause.COLLISION}
    arm = ~policy.limits.is_gripper
    assert np.all((led >= policy.limits.low) & (led <= policy.limits.high) | ~arm)
