# SPDX-License-Identifier: Apache-2.0
"""The decision which inputs make an observation, and the sentence for each that does not. No ROS, no clock."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fakes.fake_camera import MS, FakeCamera

from molmoact2_ros.interfaces.perception_status import InputState
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.perception import Budgets, synchronise
from molmoact2_ros.perception.camera_buffer import CameraBuffer
from molmoact2_ros.perception.state_buffer import StateBuffer

NAMES = ("a", "b")


def _camera(role, *stamps_ms):
    buffer, camera = CameraBuffer(role), FakeCamera()
    for stamp_ms in stamps_ms:
        buffer.add(camera.message_frame(stamp_ms))
    return buffer


def _state(*stamps_ms):
    buffer = StateBuffer(NAMES)
    for stamp_ms in stamps_ms:
        buffer.add(RobotState(int(stamp_ms * MS), NAMES, np.zeros(2), np.zeros(2)))
    return buffer


def _decide(cameras, state=None, now_ms=1000):
    return synchronise(cameras, state or _state(now_ms), int(now_ms * MS), Budgets())


def _states(decision):
    return [status.state.name for status in decision.statuses]


def test_fresh_frames_and_state_make_a_bundle():
    decision = _decide([_camera("external", 990), _camera("wrist", 970)])
    assert decision.ready
    assert decision.text == ""
    assert [frame.stamp_ns for frame in decision.bundle.frames] == [990 * MS, 970 * MS]
    assert decision.skew_s == pytest.approx(0.02)


def test_a_camera_that_is_one_frame_ahead_is_matched_with_its_frame_before():
    decision = _decide([_camera("external", 933, 1000), _camera("wrist", 934)])
    assert [frame.stamp_ns for frame in decision.bundle.frames] == [933 * MS, 934 * MS]


def test_a_missing_camera_is_named_and_the_other_is_not_blamed():
    decision = _decide([_camera("external", 990), _camera("wrist")])
    assert _states(decision) == ["OK", "MISSING", "OK"]
    assert decision.text.startswith("camera 'wrist' is missing")
    assert decision.bundle is None
    assert math.isnan(decision.skew_s)
    assert math.isnan(decision.statuses[1].age_s)


def test_a_stale_camera_is_named_with_age_and_budget():
    decision = _decide([_camera("external", 990), _camera("wrist", 390)])
    assert _states(decision) == ["OK", "STALE", "OK"]
    assert decision.text == "camera 'wrist' is stale: newest frame is 0.61 s old, budget 0.20 s; check its driver"


def test_a_camera_whose_stamps_do_not_advance_is_frozen_rather_than_stale():
    decision = _decide([_camera("external", 990), _camera("wrist", 500, 500, 500)])
    assert _states(decision) == ["OK", "FROZEN", "OK"]
    assert "its stamp has not advanced for 0.50 s over 2 messages" in decision.text


@pytest.mark.parametrize(("moved_rad", "state"), [(0.3, "FROZEN"), (0.0, "OK")])
def test_an_identical_image_is_frozen_only_when_the_arm_moved(moved_rad, state):
    camera, wrist = FakeCamera(), CameraBuffer("wrist")
    for index, stamp_ms in enumerate((700, 800, 900, 990)):
        wrist.add(camera.message_frame(stamp_ms, frozen=index > 0))
        wrist.watch(np.full(2, moved_rad * index))
    decision = _decide([_camera("external", 990), wrist])
    assert _states(decision)[1] == state
    assert ("has not changed for 0.29 s while the arm moved by 0.90 rad" in decision.text) == (state == "FROZEN")


def test_cameras_too_far_apart_name_the_one_behind():
    decision = _decide([_camera("external", 990), _camera("wrist", 900)])
    assert _states(decision) == ["OK", "SKEWED", "OK"]
    assert "camera 'wrist' is skewed: its frame is 0.090 s older than that of 'external', budget 0.050" in decision.text


@pytest.mark.parametrize(
    ("period_ms", "remedy"),
    [(67, "both run at 15 Hz, so frames get lost: load the Fast DDS profile"), (200, "run both at the same rate")],
)
def test_a_skew_of_cameras_with_equal_rates_is_a_lost_frame(period_ms, remedy):
    external = _camera("external", *range(990 - 67 * 8, 991, 67))
    decision = _decide([external, _camera("wrist", *range(802 - period_ms * 4, 803, period_ms))])
    assert _states(decision)[1] == "SKEWED"
    assert remedy in decision.text


def test_the_rate_of_a_camera_is_measured_by_its_stamps():
    assert math.isnan(_camera("wrist", 100).rate_hz)
    assert _camera("wrist", 0, 267, 533, 800).rate_hz == pytest.approx(3.75, rel=0.01)


def test_a_dead_camera_does_not_drag_the_others_back_in_time():
    decision = _decide([_camera("external", 880, 990), _camera("wrist", 985), _camera("top", 500)])
    assert _states(decision) == ["OK", "OK", "STALE", "OK"]


def test_a_stamp_in_the_future_is_invalid_rather_than_fresh_for_ever():
    decision = _decide([_camera("external", 990), _camera("wrist", 1400)])
    assert _states(decision)[1] == "INVALID"
    assert "lies 0.40 s in the future" in decision.text


@pytest.mark.parametrize("stray_ms", [400, 60_000, -60_000])
def test_one_stray_stamp_of_a_camera_or_a_state_is_ignored(stray_ms):
    camera, wrist, state = FakeCamera(), CameraBuffer("wrist"), StateBuffer(NAMES)
    for index in range(40):
        now_ms = 100_000 + 33 * index
        stamp_ms = now_ms - 5 + (stray_ms if index == 20 else 0)
        wrist.add(camera.message_frame(stamp_ms), now_ms * MS)
        state.add(RobotState(stamp_ms * MS, NAMES, np.zeros(2), np.zeros(2)), now_ms * MS)
        assert _decide([wrist], state, now_ms).ready


@pytest.mark.parametrize(
    ("stamp_ms", "words"),
    [
        (312_000, "stamped by another clock (312.0 s since some start): the camera's own time, or use_sim_time"),
        (0, "expected a stamp, got 0: let the driver stamp its messages"),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_camera_with_a_clock_of_its_own_is_named(stamp_ms, words, known):
    now_ms, wrist = 1_790_000_000_000, CameraBuffer("wrist")
    wrist.add(FakeCamera().message_frame(stamp_ms), now_ms * MS if known else None)
    decision = _decide([wrist], _state(now_ms), now_ms)
    assert _states(decision) == ["INVALID", "OK"]
    assert f"camera 'wrist' is invalid: {words}" in decision.text


@pytest.mark.parametrize(
    ("state", "name", "sentence"),
    [
        (_state(), "MISSING", "robot_state is missing"),
        (_state(850), "STALE", "robot_state is stale: newest state is 0.15 s old, budget 0.10 s"),
        (_state(850, 850), "FROZEN", "robot_state is frozen: its stamp has not advanced for 0.15 s over 1 messages"),
        (_state(1200), "INVALID", "robot_state is invalid: its stamp lies 0.20 s in the future"),
    ],
)
def test_a_robot_state_that_cannot_be_used_is_named(state, name, sentence):
    decision = _decide([_camera("external", 990)], state)
    assert _states(decision) == ["OK", name]
    assert sentence in decision.text
    assert decision.bundle is None


def test_two_wrong_inputs_are_both_named():
    decision = _decide([_camera("external"), _camera("wrist")])
    assert decision.text.count("is missing") == 2
    assert [status.state for status in decision.statuses[:2]] == [InputState.MISSING] * 2
