# SPDX-License-Identifier: Apache-2.0
"""All that is looked at in the robot's cameras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from molmoact2_ros.embodiment import Camera, Embodiment
from molmoact2_ros.perception import Budgets

from .camera_record import CameraRecord
from .check import Check, contained
from .clocks import check_clock
from .distinct_cameras import ByteImage, check_distinct
from .pictures import check_change, check_content, check_decoding
from .rates import check_rate


def check_cameras(robot: Embodiment, records: Mapping[str, CameraRecord]) -> Iterator[Check]:
    """Judge every camera of which something came, then all of them together; `records` are by role."""
    pictures: dict[str, ByteImage] = {}
    for camera in robot.cameras:
        record = records[camera.role]
        if record.newest is None:
            continue
        label = f"camera {camera.role}"
        yield from contained(f"{label} picture", _check_image, label, record, pictures, camera.role)
        yield from _check_times(camera, record, robot.policy.rate_hz)
        if camera.role in pictures:
            yield from contained(f"{label} light", check_content, f"{label} light", pictures[camera.role])
    yield from contained("cameras", check_distinct, robot.cameras, records, pictures)


def _check_image(label: str, record: CameraRecord, pictures: dict[str, ByteImage], role: str) -> Iterator[Check]:
    """Judge whether the newest frame can be read, and put its image into `pictures` if so."""
    if record.newest is None:
        return
    decoding, image = check_decoding(f"{label} picture", record.newest, record.frame_id)
    if image is not None:
        pictures[role] = image
    yield decoding


def _check_times(camera: Camera, record: CameraRecord, wanted_hz: float) -> Iterator[Check]:
    label, budget_s, arrivals = f"camera {camera.role}", Budgets().camera_max_age_s, record.arrivals
    source = f"the driver behind {camera.topic}"
    name = f"{label} rate"
    yield from contained(name, check_rate, name, arrivals, wanted_hz=wanted_hz, budget_s=budget_s, source=source)
    yield from contained(f"{label} clock", check_clock, f"{label} clock", arrivals, budget_s)
    yield from contained(f"{label} change", check_change, f"{label} change", record, wanted_hz)
