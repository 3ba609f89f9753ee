# SPDX-License-Identifier: Apache-2.0
"""Observations from frames and states as they arrive, with a clock that the test turns. No ROS."""

from __future__ import annotations

import dataclasses

import numpy as np
from fakes.fake_camera import MS, FakeCamera

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.camera_frame import COMPRESSED, CameraFrame
from molmoact2_ros.interfaces.perception_status import InputState
from molmoact2_ros.interfaces.robot_state import RobotState
from molmoact2_ros.perception import ObservationBuilder

DROID = Embodiment.load("droid")
SIZE = (14, 14)


class _Run:
    """DROID with two fake cameras."""

    def __init__(self, robot=DROID, size=SIZE, rate_hz=15.0):
        self.builder = ObservationBuilder(robot, size, rate_hz)
        self.cameras = {role: FakeCamera(seed=index) for index, role in enumerate(robot.camera_roles)}
        self.positions = robot.pose("home")

    def state(self, now_ms):
        names = DROID.joint_names[::-1]
        self.builder.add_state(RobotState(int(now_ms * MS), names, self.positions[::-1].copy(), np.zeros(8)))

    def step(self, now_ms, **frames):
        self.state(now_ms)
        for role, camera in self.cameras.items():
            self.builder.add_frame(role, frames.get(role) or camera.message_frame(now_ms))
        self.decision = self.builder.decide(int(now_ms * MS))
        return self.builder.build(self.decision)


def test_observation_carries_stamps_images_in_camera_order_and_state_in_policy_units():
    run = _Run(size=(4, 6))
    observation = run.step(1000)
    assert observation.images.shape == (2, 4, 6, 3)
    for image, role in zip(observation.images, ("external", "wrist"), strict=True):
        np.testing.assert_array_equal(image, run.cameras[role].image)
    np.testing.assert_array_equal(observation.state, DROID.to_policy(run.positions).astype(np.float32))
    assert observation.camera_stamps_ns == (1000 * MS, 1000 * MS)


def test_sequence_counts_up_from_one_at_the_policy_rate():
    run = _Run()
    observations = [run.step(1000 + 33.4 * index) for index in range(6)]
    assert [item.sequence for item in observations if item] == [1, 2, 3]


def test_the_same_frames_are_not_published_twice():
    run = _Run(rate_hz=1000.0)
    assert run.step(1000)
    run.state(1020)
    assert run.builder.build(run.builder.decide(1020 * MS)) is None


def test_one_new_frame_of_two_cameras_is_not_a_new_set():
    run = _Run(rate_hz=1000.0)
    run.step(1000)
    run.builder.add_frame("external", run.cameras["external"].message_frame(1033))
    run.state(1033)
    assert run.builder.build(run.builder.decide(1033 * MS)) is None


def test_a_better_match_of_an_old_frame_is_not_a_new_set():
    run = _Run(rate_hz=1000.0)
    run.step(1010, external=run.cameras["external"].message_frame(1000))
    run.builder.add_frame("external", run.cameras["external"].message_frame(1016))
    decision = run.builder.decide(1020 * MS)
    assert [frame.stamp_ns for frame in decision.bundle.frames] == [1016 * MS, 1010 * MS]
    assert run.builder.build(decision) is None


def test_a_driver_that_reuses_its_buffer_cannot_change_an_observation_that_was_made():
    run = _Run(size=(4, 6))
    observation = run.step(1000, wrist=run.cameras["wrist"].frame(1000))
    before = observation.images.copy()
    run.cameras["wrist"].expose()
    np.testing.assert_array_equal(observation.images, before)


def test_an_upside_down_camera_is_turned():
    wrist = dataclasses.replace(DROID.cameras[1], rotate_deg=90)
    run = _Run(dataclasses.replace(DROID, cameras=(DROID.cameras[0], wrist)), size=(6, 4))
    observation = run.step(1000)
    np.testing.assert_array_equal(observation.images[1], np.rot90(run.cameras["wrist"].image, k=-1))


def test_an_undecodable_frame_gives_no_observation_and_is_named_until_one_decodes():
    run = _Run()
    broken = CameraFrame(1000 * MS, 1000 * MS, np.zeros(9, np.uint8), COMPRESSED)
    assert run.step(1000, wrist=broken) is None
    assert run.step(1100, wrist=dataclasses.replace(broken, stamp_ns=1100 * MS)) is None
    assert run.decision.statuses[1].state is InputState.INVALID
    assert "camera 'wrist' is invalid: compressed image: expected a JPEG or PNG" in run.decision.text
    assert not run.decision.ready
    assert run.step(1200) is not None
    assert run.builder.decide(1200 * MS).ready


def test_a_frozen_camera_stops_observations_and_a_living_one_resumes_them():
    run = _Run()
    run.step(1000)
    for now_ms in range(1070, 1500, 70):
        run.positions = run.positions + 0.02
        last = run.step(now_ms, wrist=run.cameras["wrist"].message_frame(now_ms, frozen=True))
    assert last is None
    assert run.decision.statuses[1].state is InputState.FROZEN
    run.step(1500)
    assert run.step(1570) is not None


def test_nothing_is_made_up_for_a_camera_that_never_came():
    run = _Run()
    run.state(1000)
    run.builder.add_frame("external", run.cameras["external"].message_frame(1000))
    decision = run.builder.decide(1000 * MS)
    assert decision.statuses[1].state is InputState.MISSING
    assert run.builder.build(decision) is None


def test_a_looping_recording_gives_observations_again_after_time_went_back():
    run = _Run()
    assert run.step(90_000)
    assert run.step(1000)
    assert run.step(1070)


def _named(camera, now_ms, frame_id):
    return dataclasses.replace(camera.message_frame(now_ms), frame_id=frame_id)


def test_swapped_cameras_are_found_by_the_frames_they_carry_and_make_no_observation():
    run = _Run()
    external, wrist = (camera.frame_id for camera in DROID.cameras)
    swapped = {"external": wrist, "wrist": external}
    frames = {role: _named(run.cameras[role], 1000, frame_id) for role, frame_id in swapped.items()}
    assert run.step(1000, **frames) is None
    assert [status.state.name for status in run.decision.statuses] == ["WRONG", "WRONG", "OK"]
    assert "camera 'external' is wrong: its images carry the frame_id of camera 'wrist'" in run.decision.text


def test_cameras_that_are_put_right_are_used_again():
    run = _Run()
    run.step(1000, wrist=_named(run.cameras["wrist"], 1000, DROID.cameras[0].frame_id))
    assert run.decision.statuses[1].state is InputState.WRONG
    right = {camera.role: _named(run.cameras[camera.role], 1100, camera.frame_id) for camera in DROID.cameras}
    assert run.step(1100, **right) is not None


def test_a_frame_that_no_camera_of_the_robot_has_is_used():
    run = _Run()
    assert run.step(1000, wrist=_named(run.cameras["wrist"], 1000, "zed_left")) is not None


def test_a_robot_whose_cameras_name_no_frame_takes_every_image():
    cameras = tuple(dataclasses.replace(camera, frame_id="") for camera in DROID.cameras)
    run = _Run(robot=dataclasses.replace(DROID, cameras=cameras))
    assert run.step(1000) is not None


def test_a_bag_that_begins_again_counts_on_with_the_same_instance_id():
    run = _Run()
    before = [run.step(1_000_000 + 100 * index) for index in range(3)]
    after = [run.step(1000 + 100 * index) for index in range(3)]
    assert [observation.sequence for observation in before + after] == [1, 2, 3, 4, 5, 6]
    assert {observation.instance_id for observation in before + after} == {run.builder.instance_id}


def test_every_builder_has_an_instance_id_of_its_own():
    assert len({_Run().builder.instance_id for _ in range(20)}) == 20


def test_only_acknowledgements_of_this_instance_start_the_comparison_of_cells():
    run = _Run()
    first = run.step(1000)
    run.builder.acknowledge(first.instance_id + 1, 1, np.ones(16, bool))
    assert run.step(1100).changes is None
    run.builder.acknowledge(first.instance_id, 2, np.ones(16, bool))
    assert run.step(1200).changes.unchanged_since.shape == (1, 16)
