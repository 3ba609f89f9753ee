# SPDX-License-Identifier: Apache-2.0
"""Decoding of every encoding, and the sentence for each image that cannot be decoded. No ROS."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from molmoact2_ros.interfaces.camera_frame import COMPRESSED, CameraFrame
from molmoact2_ros.perception.errors import PerceptionError
from molmoact2_ros.perception.image_decoding import decode, require_layout

PIXELS = np.random.default_rng(1).integers(0, 256, (4, 6, 3), dtype=np.uint8)
# 75 % colour bars in BT.601 video range: red, green, blue, white, black as (Y, U, V) and RGB.
BARS = [
    ((65, 100, 212), (191, 0, 0)),
    ((112, 72, 58), (0, 191, 0)),
    ((35, 212, 114), (0, 0, 191)),
    ((180, 128, 128), (191, 191, 191)),
    ((16, 128, 128), (0, 0, 0)),
]


def _frame(pixels, encoding, padding=0, **changes):
    rows = pixels.reshape(pixels.shape[0], -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    fields = {"height": pixels.shape[0], "width": pixels.shape[1], "step": padded.shape[1], "data": padded.ravel()}
    return CameraFrame(1, 1, encoding=encoding, **{**fields, **changes})


def _compressed(data):
    return CameraFrame(1, 1, np.frombuffer(data, dtype=np.uint8), COMPRESSED)


def _file(image, kind):
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("padding", [0, 7])
@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8"])
def test_colour_encodings_give_the_same_rgb_with_and_without_padding(encoding, padding):
    channels = PIXELS if encoding.startswith("rgb") else PIXELS[..., ::-1]
    if encoding.endswith("a8"):
        channels = np.dstack([channels, np.full((4, 6), 9, np.uint8)])
    np.testing.assert_array_equal(decode(_frame(channels, encoding, padding)), PIXELS)


def test_mono8_repeats_luminance_in_all_three_channels():
    grey = PIXELS[..., :1]
    np.testing.assert_array_equal(decode(_frame(grey, "mono8", 3)), np.dstack([grey] * 3))


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv"])
@pytest.mark.parametrize(("yuv", "rgb"), BARS)
def test_yuv422_colour_bars_decode_within_one_level(encoding, yuv, rgb):
    y, u, v = yuv
    pair = [u, y, v, y] if encoding in ("yuv422", "uyvy") else [y, u, y, v]
    pixels = np.tile(np.array(pair, np.uint8), (130, 2)).reshape(130, 4, 2)  # more than one block of rows
    image = decode(_frame(pixels, encoding, padding=2)).astype(int)
    assert image.shape == (130, 4, 3)
    assert np.abs(image - rgb).max() <= 2


def test_yuv422_keeps_the_order_of_the_two_pixels_that_share_chroma():
    pixels = np.array([[[128, 20], [128, 200]]], np.uint8)
    image = decode(_frame(pixels, "yuv422"))
    assert image[0, 0, 0] < image[0, 1, 0]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"encoding": "16UC1"}, "encoding: expected one of rgb8, bgr8, .* got '16UC1'"),
        ({"step": 17}, "step: expected at least 18 bytes a row for 6 px of rgb8, got 17"),
        ({"data": np.zeros(71, np.uint8)}, "data: expected step x height = 18 x 4 = 72 bytes, got 71"),
        ({"encoding": "rgb8" * 10**6}, r"\.\.\. \(4000000 characters\)"),
        (
            {"height": 10**5, "width": 10**5, "step": 3 * 10**5},
            "size: expected at most 40 megapixels, got 100000 x 100000",
        ),
        ({"height": 0}, "size: expected at least 1 x 1 px, got 6 x 0"),
        ({"encoding": "yuyv", "width": 5}, "width: expected an even number with yuyv, got 5"),
    ],
)
def test_a_frame_that_cannot_be_read_is_refused_with_both_values(changes, sentence):
    fields = {"encoding": "rgb8", **changes}
    with pytest.raises(PerceptionError, match=sentence):
        require_layout(_frame(PIXELS, **fields))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_small_file_that_would_become_gigabytes_of_pixels_is_refused_before_they_are_decoded(kind):
    data = _file(Image.new("L", (8000, 6000)), kind)
    assert len(data) < 10**6
    broken = data[: len(data) // 2]  # a decoder would call it broken
    with pytest.raises(PerceptionError, match="size: expected at most 40 megapixels, got 8000 x 6000 px"):
        decode(_compressed(broken))


def test_png_decodes_exactly_and_jpeg_closely():
    smooth = Image.linear_gradient("L").resize((32, 24)).convert("RGB")
    np.testing.assert_array_equal(decode(_compressed(_file(smooth, "PNG"))), np.asarray(smooth))
    assert np.abs(decode(_compressed(_file(smooth, "JPEG"))).astype(int) - np.asarray(smooth)).max() <= 6


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "expected a JPEG or PNG, got 0 bytes that begin with nothing"),
        (b"GIF89a..", "expected a JPEG or PNG, got 8 bytes that begin with 47494638"),
        (_file(Image.effect_noise((64, 64), 90).convert("RGB"), "JPEG")[:900], "expected an intact JPEG or PNG"),
        (_file(Image.effect_noise((64, 64), 90).convert("RGB"), "PNG")[:900], "expected an intact JPEG or PNG"),
        (_file(Image.fromarray(np.full((4, 4), 40000, np.uint16)), "PNG"), "expected 8 bits a channel"),
    ],
)
def test_a_compressed_image_that_is_broken_or_too_deep_is_refused(data, sentence):
    with pytest.raises(PerceptionError, match=sentence):
        decode(_compressed(data))
