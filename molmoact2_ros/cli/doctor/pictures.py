# SPDX-License-Identifier: Apache-2.0
"""Whether one camera's pictures can be read, show something, and change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.perception import COMPRESSED, Frame, PerceptionError
from molmoact2_ros.perception.image_decoding import decode

from .camera_record import CameraRecord
from .check import Check, failed, ok, warning

ByteImage = NDArray[np.uint8]

# Levels of 255 between the darkest and the brightest hundredth of a picture. Noise of a covered sensor stays below; a
# lit scene has a hundred and more.
_CONTRAST = 24
_DARK, _BRIGHT = 40, 215
_FROZEN_S = 1.0
_LIVE_SHARE = 0.9


def check_decoding(name: str, frame: Frame, frame_id: str) -> tuple[Check, ByteImage | None]:
    """Judge whether a frame can be read; return the picture [H, W, 3] too, None where it cannot."""
    try:
        picture = decode(frame)
    except PerceptionError as error:
        what, _, rest = str(error).partition(": expected ")
        expected, _, got = rest.partition(", got ")
        got, _, remedy = got.partition("; ")
        found = f"{what} {got}" if got else str(error)
        return failed(name, found, expected or "a picture", remedy or "look at the camera driver's settings"), None
    height, width = picture.shape[:2]
    encoding = "JPEG or PNG" if frame.encoding == COMPRESSED else frame.encoding
    found = f"{width} x {height} {encoding}, {frame.data.size / 1e6:.2f} MB, frame_id {frame_id!r}"
    return ok(name, found, "an encoding that perception decodes"), picture


def check_content(name: str, picture: ByteImage) -> Check:
    """Judge whether a picture shows anything."""
    dark, bright = np.quantile(picture.mean(axis=2), (0.01, 0.99))
    expected = "a lit scene"
    if bright - dark >= _CONTRAST:
        return ok(name, f"brightness {dark:.0f} to {bright:.0f} of 255", expected)
    colour = "black" if bright < _DARK else "white" if dark > _BRIGHT else "one even colour"
    remedy = "take the cap off, switch the light on, or correct the exposure"
    return failed(name, f"{colour}: brightness {dark:.0f} to {bright:.0f} of 255", expected, remedy)


def check_change(name: str, record: CameraRecord, wanted_hz: float) -> Check:
    """Judge whether pictures follow one another: sensor noise changes every picture of a living camera."""
    sums = np.array(record.checksums, dtype=np.int64)
    span_s = float(np.ptp(record.arrivals.received_ns)) / 1e9
    changes = int(np.count_nonzero(np.diff(sums)))
    expected = "every picture differs from the one before"
    if changes == 0 and span_s >= _FROZEN_S:
        found = f"{sums.size} identical pictures in {span_s:.1f} s"
        return failed(name, found, expected, "restart the camera: it sends its last picture again under new stamps")
    if changes < _LIVE_SHARE * (sums.size - 1) and changes < _LIVE_SHARE * wanted_hz * span_s:
        found = f"{changes} new pictures in {sums.size} messages, {changes / span_s:.1f} a second"
        remedy = "the driver repeats pictures: raise the camera's own rate, or shorten its exposure"
        return warning(name, found, expected, remedy)
    return ok(name, f"{changes + 1} different pictures in {sums.size} messages", expected)
