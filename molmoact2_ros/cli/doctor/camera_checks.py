# SPDX-License-Identifier: Apache-2.0
"""All that is looked at in the robot's cameras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from molmoact2_ros.embodiment import Camera, Embodiment
from molmoact2_ros.perception import Budgets

from .camera_record import CameraRecord
from .check import Check
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
        decoding, picture = check_decoding(f"camera {camera.role} picture", record.newest, record.frame_id)
        yield decoding
        yield from _check_times(camera, record, robot.policy.rate_hz)
        if picture is not None:
            pictures[camera.role] = picture
            yield check_content(f"camera {camera.role} light", picture)
    yield from check_distinct(robot.cameras, records, pictures)


def _check_times(camera: Camera, record: CameraRecord, wanted_hz: float) -> Iterator[Check]:
    label, budget_s, arrivals = f"camera {camera.role}", Budgets().camera_max_age_s, record.arrivals
    source = f"the driver behind {camera.topic}"
    yield check_rate(f"{label} rate", arrivals, wanted_hz=wanted_hz, budget_s=budget_s, source=source)
    yield check_clock(f"{label} clock", arrivals, budget_s)
    yield check_change(f"{label} change", record, wanted_hz)
