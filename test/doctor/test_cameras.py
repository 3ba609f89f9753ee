# SPDX-License-Identifier: Apache-2.0
"""Images that must not be acted on: unreadable, even, repeated, or another camera's."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from fakes.recorded_drivers import DROID, arrivals, camera, frame, scene
from PIL import Image

from molmoact2_ros.doctor.camera_checks import check_change, check_content, check_decoding, check_distinct
from molmoact2_ros.doctor.check import Check
from molmoact2_ros.doctor.evidence import CameraRecord
from molmoact2_ros.interfaces.camera_frame import COMPRESSED, CameraFrame


def _jpeg(image: np.ndarray) -> CameraFrame:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=90)
    return replace(frame(image), data=np.frombuffer(file.getvalue(), np.uint8), encoding=COMPRESSED)


def _distinct(external: CameraRecord, wrist: CameraRecord, images: tuple[np.ndarray, np.ndarray]) -> list[Check]:
    records = {"external": external, "wrist": wrist}
    return list(check_distinct(DROID.cameras, records, dict(zip(records, images, strict=True))))


def test_an_image_is_reported_with_size_encoding_and_frame() -> None:
    check, image = check_decoding("p", frame(scene()), "wrist_optical")
    assert check.found == "64 x 48 rgb8, 0.01 MB, frame_id 'wrist_optical'"
    assert image is not None


def test_a_jpeg_can_be_read() -> None:
    check, _ = check_decoding("p", _jpeg(scene()), "")
    assert check.found.startswith("64 x 48 JPEG or PNG")


@pytest.mark.parametrize(
    ("broken", "found", "expected"),
    [
        (replace(frame(scene()), encoding="16UC1"), "encoding '16UC1'", "one of rgb8, bgr8"),
        (replace(frame(scene()), step=100), "step 100", "at least 192 bytes a row"),
        (replace(_jpeg(scene()), data=np.zeros(9, np.uint8)), "compressed image 9 bytes", "a JPEG or PNG"),
    ],
)
def test_a_frame_that_cannot_be_read_is_reported_in_perception_s_words(
    broken: CameraFrame, found: str, expected: str
) -> None:
    check, image = check_decoding("p", broken, "")
    assert (check.status, image) == ("failed", None)
    assert check.found.startswith(found)
    assert check.expected.startswith(expected)


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((48, 64, 3), np.uint8), "black"),
        (np.random.default_rng(0).integers(0, 12, (48, 64, 3), np.uint8), "black"),
        (np.full((48, 64, 3), 250, np.uint8), "white"),
        (np.full((48, 64, 3), (200, 10, 90), np.uint8), "one even colour"),
    ],
)
def test_an_even_image_fails_noise_or_not(image: np.ndarray, found: str) -> None:
    check = check_content("c", image)
    assert (check.status, check.found.partition(":")[0]) == ("failed", found)


def test_a_dim_scene_is_a_scene() -> None:
    assert check_content("c", scene() // 4).status == "ok"


def test_a_driver_that_repeats_images_is_a_warning_only_where_too_few_are_left() -> None:
    each_thrice, each_twice = np.arange(150) // 3, np.arange(150) // 2
    slow, fast = (camera(scene(), arrivals(30.0), checksums=sums) for sums in (each_thrice, each_twice))
    assert "49 new images in 150 messages, 9.8 a second" in check_change("c", slow, 15.0).found
    assert check_change("c", fast, 15.0).status == "ok"


def test_one_image_in_two_encodings_is_suspected() -> None:
    once = camera(scene(1), frame_id="external_camera")
    again = camera(scene(1), checksums=range(1000, 1075), frame_id="wrist_camera")
    (check,) = _distinct(once, again, (scene(1), np.asarray(Image.open(io.BytesIO(_jpeg(scene(1)).data.tobytes())))))
    assert check.status == "warning"
    assert "levels only" in check.found


def test_swapped_topics_are_found_by_the_frame_ids_of_the_embodiment_file() -> None:
    external, wrist = (camera(scene(1), frame_id=known.frame_id) for known in DROID.cameras[::-1])
    checks = _distinct(external, replace(wrist, checksums=(7,)), (scene(1), scene(2)))
    failed = [check for check in checks if check.status == "failed"]
    assert [check.name for check in failed] == ["camera external name", "camera wrist name"]
    assert "carries the frame_id of camera wrist" in failed[0].found


def test_swapped_topics_are_suspected_by_their_frame_ids() -> None:
    external, wrist = camera(scene(1), frame_id="wrist_optical_frame"), camera(scene(2), frame_id="camera_link")
    warned = [check for check in _distinct(external, wrist, (scene(1), scene(2))) if check.status != "ok"]
    assert [check.name for check in warned] == ["camera external name", "camera wrist name"]
    assert "speaks of camera wrist" in warned[0].found


@pytest.mark.parametrize(
    ("frame_id", "remedy"), [("left_lens", "put 'left_lens' there"), ("", "let the driver name its frame")]
)
def test_a_frame_id_that_the_embodiment_file_lacks_is_a_warning(frame_id: str, remedy: str) -> None:
    external, wrist = camera(scene(1), frame_id="external_camera"), camera(scene(2), frame_id=frame_id)
    (check,) = [check for check in _distinct(external, wrist, (scene(1), scene(2))) if check.status != "ok"]
    assert (check.name, check.status) == ("camera wrist name", "warning")
    assert remedy in check.remedy
    assert "WRONG_CAMERA cannot find swapped cameras" in check.remedy
