# SPDX-License-Identifier: Apache-2.0
"""What a camera's buffer keeps, and what it notices of a driver that repeats itself. No ROS."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fakes.fake_camera import MS, FakeCamera

from molmoact2_ros.perception.camera_buffer import CameraBuffer

ARM = np.zeros(3)


def _buffer(*frames):
    buffer = CameraBuffer("wrist")
    for frame in frames:
        buffer.add(frame)
    return buffer


def _stamps(camera, *stamps_ms):
    return [camera.message_frame(stamp) for stamp in stamps_ms]


def test_newest_frame_is_kept_and_a_repeated_stamp_is_counted_not_kept():
    first, second = _stamps(FakeCamera(), 100, 100)
    buffer = _buffer(first, second)
    assert (buffer.newest, buffer.repeated) == (first, 1)


def test_a_frame_that_comes_late_does_not_replace_a_newer_one():
    buffer = _buffer(*_stamps(FakeCamera(), 100, 66))
    assert buffer.newest.stamp_ns == 100 * MS


def test_an_advancing_stamp_ends_the_count_of_repeats():
    assert _buffer(*_stamps(FakeCamera(), 100, 100, 133)).repeated == 0


def test_time_that_begins_again_empties_the_buffer():
    buffer = _buffer(*_stamps(FakeCamera(), 9000, 9033, 40))
    assert buffer.newest.stamp_ns == 40 * MS
    assert buffer.nearest(9000 * MS, 0).stamp_ns == 40 * MS


def test_time_that_begins_again_forgets_how_long_the_image_stayed():
    camera, buffer = FakeCamera(), CameraBuffer("wrist")
    for stamp_ms, arm in ((9000, ARM), (9500, ARM + 0.2), (40, ARM)):
        buffer.add(camera.message_frame(stamp_ms, frozen=True))
        buffer.watch(arm)
    assert (buffer.frozen_image.unchanged_s, buffer.frozen_image.moved_rad) == (0.0, 0.0)


def test_an_unreadable_frame_is_named_until_a_readable_one_comes():
    camera = FakeCamera()
    buffer = _buffer(camera.message_frame(33), dataclasses.replace(camera.frame(66), step=3))
    assert "step: expected at least 18" in buffer.invalid
    assert buffer.newest.stamp_ns == 33 * MS
    buffer.add(camera.message_frame(100))
    assert buffer.invalid == ""


@pytest.mark.parametrize(
    ("wanted_ms", "oldest_ms", "got_ms"), [(70, 0, 66), (70, 90, 100), (0, 500, 133), (90, 0, 100)]
)
def test_nearest_is_the_closest_frame_that_is_fresh_enough(wanted_ms, oldest_ms, got_ms):
    buffer = _buffer(*_stamps(FakeCamera(), 33, 66, 100, 133))
    assert buffer.nearest(wanted_ms * MS, oldest_ms * MS).stamp_ns == got_ms * MS


def test_identical_images_under_new_stamps_measure_how_far_the_arm_moved_meanwhile():
    camera, buffer = FakeCamera(), CameraBuffer("wrist")
    for stamp_ms, arm in ((0, ARM), (100, ARM + 0.2), (200, ARM)):
        buffer.add(camera.message_frame(stamp_ms, frozen=stamp_ms > 0))
        buffer.watch(arm)
    assert buffer.frozen_image.unchanged_s == pytest.approx(0.2)
    assert buffer.frozen_image.moved_rad == pytest.approx(0.2)


def test_one_changed_pixel_ends_the_suspicion():
    camera, buffer = FakeCamera(), CameraBuffer("wrist")
    for stamp_ms, arm in ((0, ARM), (100, ARM + 0.2), (200, ARM + 0.4)):
        camera.buffer[0] = stamp_ms == 200
        buffer.add(camera.message_frame(stamp_ms, frozen=True))
        buffer.watch(arm)
    assert (buffer.frozen_image.unchanged_s, buffer.frozen_image.moved_rad) == (0.0, 0.0)
