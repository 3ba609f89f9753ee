# SPDX-License-Identifier: Apache-2.0
"""Whether the robot's cameras can be read, change, and each show a view of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molmoact2_ros.embodiment import Camera, Embodiment
from molmoact2_ros.interfaces.camera_frame import COMPRESSED, CameraFrame
from molmoact2_ros.perception import Budgets, PerceptionError
from molmoact2_ros.perception.image_decoding import decode

from .check import Check, contained, failed, ok, warning
from .evidence import CameraRecord
from .topic_checks import check_clock, check_rate

ByteImage = NDArray[np.uint8]

_CELLS = (12, 16)  # rows and columns of the comparison
_ALIKE = 3.0  # levels of 255, mean over the cells: two encodings of one image differ by less, two views by tens


def check_distinct(
    cameras: tuple[Camera, ...], records: Mapping[str, CameraRecord], images: Mapping[str, ByteImage]
) -> Iterator[Check]:
    """Judge all cameras against each other.

    Args:
        cameras: of the robot.
        records: by role.
        images: the newest of each, uint8 [H, W, 3], by role; those that could not be decoded are absent.
    """
    seen = [camera for camera in cameras if camera.role in images]
    for one, other in combinations(seen, 2):
        name, expected = f"cameras {one.role} and {other.role}", "two different views"
        if set(records[one.role].checksums) & set(records[other.role].checksums):
            remedy = f"remap {one.topic} or {other.topic}: one camera feeds both"
            yield failed(name, "the same image, byte for byte", expected, remedy)
        elif (difference := _difference(images[one.role], images[other.role])) < _ALIKE:
            remedy = f"look whether one camera feeds both {one.topic} and {other.topic}"
            yield warning(name, f"images differ by {difference:.1f} of 255 levels only", expected, remedy)
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


def _cells(image: ByteImage) -> NDArray[np.float64]:
    """Return the mean brightness of each cell [12, 16]."""
    rows, columns = _CELLS
    small = Image.fromarray(image).convert("L").resize((columns, rows), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64)


# Levels of 255 between the darkest and the brightest hundredth of an image. Noise of a covered sensor stays below; a
# lit scene has a hundred and more.
_CONTRAST = 24
_DARK, _BRIGHT = 40, 215
_FROZEN_S = 1.0
_LIVE_SHARE = 0.9


def check_decoding(name: str, frame: CameraFrame, frame_id: str) -> tuple[Check, ByteImage | None]:
    """Judge whether a frame can be read; return the image [H, W, 3] too, None where it cannot."""
    try:
        image = decode(frame)
    except PerceptionError as error:
        what, _, rest = str(error).partition(": expected ")
        expected, _, got = rest.partition(", got ")
        got, _, remedy = got.partition("; ")
        found = f"{what} {got}" if got else str(error)
        return failed(name, found, expected or "an image", remedy or "look at the camera driver's settings"), None
    height, width = image.shape[:2]
    encoding = "JPEG or PNG" if frame.encoding == COMPRESSED else frame.encoding
    found = f"{width} x {height} {encoding}, {frame.data.size / 1e6:.2f} MB, frame_id {frame_id!r}"
    return ok(name, found, "an encoding that perception decodes"), image


def check_content(name: str, image: ByteImage) -> Check:
    """Judge whether an image shows anything."""
    dark, bright = np.quantile(image.mean(axis=2), (0.01, 0.99))
    expected = "a lit scene"
    if bright - dark >= _CONTRAST:
        return ok(name, f"brightness {dark:.0f} to {bright:.0f} of 255", expected)
    colour = "black" if bright < _DARK else "white" if dark > _BRIGHT else "one even colour"
    remedy = "take the cap off, switch the light on, or correct the exposure"
    return failed(name, f"{colour}: brightness {dark:.0f} to {bright:.0f} of 255", expected, remedy)


def check_change(name: str, record: CameraRecord, wanted_hz: float) -> Check:
    """Judge whether images follow one another: sensor noise changes every image of a working camera."""
    sums = np.array(record.checksums, dtype=np.int64)
    span_s = float(np.ptp(record.arrivals.received_ns)) / 1e9
    changes = int(np.count_nonzero(np.diff(sums)))
    expected = "every image differs from the one before"
    if changes == 0 and span_s >= _FROZEN_S:
        found = f"{sums.size} identical images in {span_s:.1f} s"
        return failed(name, found, expected, "restart the camera: it sends its last image again under new stamps")
    if changes < _LIVE_SHARE * (sums.size - 1) and changes < _LIVE_SHARE * wanted_hz * span_s:
        found = f"{changes} new images in {sums.size} messages, {changes / span_s:.1f} a second"
        remedy = "the driver repeats images: raise the camera's own rate, or shorten its exposure"
        return warning(name, found, expected, remedy)
    return ok(name, f"{changes + 1} different images in {sums.size} messages", expected)


def check_cameras(robot: Embodiment, records: Mapping[str, CameraRecord]) -> Iterator[Check]:
    """Judge every camera of which something came, then all of them together; `records` are by role."""
    images: dict[str, ByteImage] = {}
    for camera in robot.cameras:
        record = records[camera.role]
        if record.newest is None:
            continue
        label = f"camera {camera.role}"
        yield from contained(f"{label} image", _check_image, label, record, images, camera.role)
        yield from _check_times(camera, record, robot.policy.rate_hz)
        if camera.role in images:
            yield from contained(f"{label} light", check_content, f"{label} light", images[camera.role])
    yield from contained("cameras", check_distinct, robot.cameras, records, images)


def _check_image(label: str, record: CameraRecord, images: dict[str, ByteImage], role: str) -> Iterator[Check]:
    """Judge whether the newest frame can be read, and put its image into `images` if so."""
    if record.newest is None:
        return
    decoding, image = check_decoding(f"{label} image", record.newest, record.frame_id)
    if image is not None:
        images[role] = image
    yield decoding


def _check_times(camera: Camera, record: CameraRecord, wanted_hz: float) -> Iterator[Check]:
    label, budget_s, arrivals = f"camera {camera.role}", Budgets().camera_max_age_s, record.arrivals
    source = f"the driver behind {camera.topic}"
    name = f"{label} rate"
    yield from contained(name, check_rate, name, arrivals, wanted_hz=wanted_hz, budget_s=budget_s, source=source)
    yield from contained(f"{label} clock", check_clock, f"{label} clock", arrivals, budget_s)
    yield from contained(f"{label} change", check_change, f"{label} change", record, wanted_hz)
