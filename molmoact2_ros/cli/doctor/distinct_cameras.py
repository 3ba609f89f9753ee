# SPDX-License-Identifier: Apache-2.0
"""Whether every camera shows a view of its own: a picture that goes to the policy twice is worse than none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molmoact2_ros.embodiment import Camera

from .camera_record import CameraRecord
from .check import Check, failed, ok, warning

ByteImage = NDArray[np.uint8]

_CELLS = (12, 16)  # rows and columns of the comparison
_ALIKE = 3.0  # levels of 255, mean over the cells: two encodings of one picture differ by less, two views by tens


def check_distinct(
    cameras: tuple[Camera, ...], records: Mapping[str, CameraRecord], pictures: Mapping[str, ByteImage]
) -> Iterator[Check]:
    """Judge all cameras against each other.

    Args:
        cameras: of the robot.
        records: by role.
        pictures: the newest of each, uint8 [H, W, 3], by role; those that could not be decoded are absent.
    """
    seen = [camera for camera in cameras if camera.role in pictures]
    for one, other in combinations(seen, 2):
        name, expected = f"cameras {one.role} and {other.role}", "two different views"
        if set(records[one.role].checksums) & set(records[other.role].checksums):
            remedy = f"remap {one.topic} or {other.topic}: one camera feeds both"
            yield failed(name, "the same picture, byte for byte", expected, remedy)
        elif (difference := _difference(pictures[one.role], pictures[other.role])) < _ALIKE:
            remedy = f"look whether one camera feeds both {one.topic} and {other.topic}"
            yield warning(name, f"pictures differ by {difference:.1f} of 255 levels only", expected, remedy)
        else:
            yield ok(name, f"different views ({difference:.0f} of 255 levels apart)", expected)
    yield from _check_frame_ids(seen, records)


def _check_frame_ids(cameras: list[Camera], records: Mapping[str, CameraRecord]) -> Iterator[Check]:
    """Fail where a frame_id is that of another camera, warn where it only speaks of one, or is not in the file."""
    known = {camera.frame_id: camera for camera in cameras if camera.frame_id}
    for camera in cameras:
        frame_id = records[camera.role].frame_id
        if frame_id in known:
            yield from _check_known_frame_id(camera, known[frame_id])
            continue
        named = [other.role for other in cameras if {other.role, other.key} & set(frame_id.lower().split("_"))]
        if named and camera.role not in named:
            found = f"frame_id {frame_id!r} on {camera.topic} speaks of camera {', '.join(named)}"
            remedy = "look whether the cameras' topics are swapped"
            yield warning(f"camera {camera.role} name", found, f"a frame of camera {camera.role}", remedy)
        else:
            yield _unknown_frame_id(camera, frame_id)


def _unknown_frame_id(camera: Camera, frame_id: str) -> Check:
    """Warn that swapped cameras cannot be found by their frame_ids."""
    found = f"images on {camera.topic} carry {f'the frame_id {frame_id!r}' if frame_id else 'no frame_id'}"
    expected = f"{camera.frame_id!r}, as in the embodiment file" if camera.frame_id else "one that the file has"
    remedy = f"put {frame_id!r} there" if frame_id else "let the driver name its frame, and put the name there"
    return warning(
        f"camera {camera.role} name", found, expected, f"{remedy}: until then WRONG_CAMERA cannot find swapped cameras"
    )


def _check_known_frame_id(camera: Camera, carried: Camera) -> Iterator[Check]:
    if carried is not camera:
        found = f"{camera.topic} carries the frame_id of camera {carried.role}, {carried.frame_id!r}"
        remedy = "exchange the topics of the two cameras, or their frame_ids in the embodiment file"
        yield failed(f"camera {camera.role} name", found, f"a frame of camera {camera.role}", remedy)


def _difference(one: ByteImage, other: ByteImage) -> float:
    return float(np.abs(_cells(one) - _cells(other)).mean())


def _cells(picture: ByteImage) -> NDArray[np.float64]:
    """Return the mean brightness of each cell [12, 16]."""
    rows, columns = _CELLS
    small = Image.fromarray(picture).convert("L").resize((columns, rows), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64)
