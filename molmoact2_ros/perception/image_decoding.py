# SPDX-License-Identifier: Apache-2.0
"""Turn a frame into an RGB image, whatever the camera driver sends.

Every raw encoding here has one byte per sample, so the message's is_bigendian has nothing to say about it.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.interfaces.camera_frame import COMPRESSED, CameraFrame
from molmoact2_ros.schema import quoted

from .errors import PerceptionError

ByteImage = NDArray[np.uint8]

# Twice the 20 megapixels of industrial cameras. A file of a few kilobytes may ask for gigabytes of pixels.
MOST_PIXELS = 40_000_000
MOST_ENCODED_BYTES = 3 * MOST_PIXELS  # no file that is worth compressing is larger than its pixels

_BYTES_PER_PIXEL = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}
# Place of the first luma, of U, of the second luma and of V in the four bytes that two pixels share.
_UYVY, _YUYV = (1, 0, 3, 2), (0, 1, 2, 3)
_YUV422 = {"yuv422": _UYVY, "uyvy": _UYVY, "yuv422_yuy2": _YUYV, "yuyv": _YUYV}
_BYTES_PER_PIXEL |= dict.fromkeys(_YUV422, 2)
RAW_ENCODINGS = tuple(_BYTES_PER_PIXEL)

# ITU-R BT.601 for video range (luma 16..235, chroma 16..240), in 1/4096: what cv_bridge's conversion of yuv422 uses.
_LUMA, _RED_V, _GREEN_U, _GREEN_V, _BLUE_U = 4769, 6537, 1605, 3330, 8263
_SHIFT, _HALF = 12, 1 << 11
# The 32-bit intermediates of this many rows stay in a core's cache: 3 ms instead of 8 for 640 x 480.
_BLOCK_ROWS = 64

_PILLOW_MODES = ("RGB", "RGBA", "L", "P")  # 8 bits a channel; anything deeper would be cut without a word


def require_layout(frame: CameraFrame) -> None:
    """Check all that can be checked without decoding.

    Raises:
        PerceptionError: unknown encoding, no pixels or more than MOST_PIXELS, a step shorter than a row, an odd width
            with shared chroma, or data that is not step x height bytes long; a compressed file of absurd size.
    """
    if frame.encoding == COMPRESSED:
        if frame.data.size > MOST_ENCODED_BYTES:
            raise PerceptionError(
                f"compressed image: expected at most {MOST_ENCODED_BYTES} bytes, got {frame.data.size}; correct the "
                "camera driver"
            )
        return
    if frame.encoding not in RAW_ENCODINGS:
        raise PerceptionError(
            f"encoding: expected one of {', '.join(RAW_ENCODINGS)}, got {quoted(frame.encoding)!r}; set it in the "
            "camera driver"
        )
    if frame.height < 1 or frame.width < 1:
        raise PerceptionError(f"size: expected at least 1 x 1 px, got {frame.width} x {frame.height}")
    _require_size(frame.width, frame.height)
    if frame.encoding in _YUV422 and frame.width % 2:
        raise PerceptionError(f"width: expected an even number with {frame.encoding}, got {frame.width}")
    row = frame.width * _BYTES_PER_PIXEL[frame.encoding]
    if frame.step < row:
        raise PerceptionError(
            f"step: expected at least {row} bytes a row for {frame.width} px of {frame.encoding}, got {frame.step}; "
            "correct the camera driver"
        )
    if frame.data.size != frame.step * frame.height:
        raise PerceptionError(
            f"data: expected step x height = {frame.step} x {frame.height} = {frame.step * frame.height} bytes, "
            f"got {frame.data.size}; correct the camera driver"
        )


def _require_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise PerceptionError(
            f"size: expected at most {MOST_PIXELS / 1e6:g} megapixels, got {width} x {height} px; lower the resolution "
            "in the camera driver"
        )


def decode(frame: CameraFrame) -> ByteImage:
    """Decode a frame.

    Returns:
        uint8 [H, W, 3], RGB; for rgb8 a view of the frame's data.

    Raises:
        PerceptionError: as `require_layout`, or compressed data that is not an intact 8-bit JPEG or PNG.
    """
    require_layout(frame)
    if frame.encoding == COMPRESSED:
        return _decode_compressed(frame)
    row_bytes = frame.width * _BYTES_PER_PIXEL[frame.encoding]
    rows = frame.data.reshape(frame.height, frame.step)[:, :row_bytes]  # [H, W * bytes], padding cut off
    if frame.encoding in _YUV422:
        pairs = rows.reshape(frame.height, frame.width // 2, 4)  # [H, W / 2, U or V or luma]
        blocks = (pairs[start : start + _BLOCK_ROWS] for start in range(0, frame.height, _BLOCK_ROWS))
        return np.concatenate([_yuv422_to_rgb(block, _YUV422[frame.encoding]) for block in blocks])
    pixels = rows.reshape(frame.height, frame.width, -1)  # [H, W, channels]
    if frame.encoding == "mono8":
        return np.repeat(pixels, 3, axis=2)
    colours = pixels[:, :, :3]
    return np.ascontiguousarray(colours[:, :, ::-1]) if frame.encoding.startswith("bgr") else colours


def _yuv422_to_rgb(pairs: ByteImage, order: tuple[int, int, int, int]) -> ByteImage:
    first, u_at, second, v_at = order
    luma = (pairs[:, :, (first, second)].astype(np.int32) - 16) * _LUMA + _HALF  # [H, W / 2, 2]
    u = pairs[:, :, u_at, None].astype(np.int32) - 128  # [H, W / 2, 1]
    v = pairs[:, :, v_at, None].astype(np.int32) - 128
    colours = (luma + _RED_V * v, luma - _GREEN_U * u - _GREEN_V * v, luma + _BLUE_U * u)
    image = np.empty((*luma.shape, 3), dtype=np.uint8)  # [H, W / 2, 2, 3]
    for channel, colour in enumerate(colours):
        image[..., channel] = np.clip(colour >> _SHIFT, 0, 255)
    return image.reshape(pairs.shape[0], -1, 3)


def _decode_compressed(frame: CameraFrame) -> ByteImage:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(frame.data.tobytes()), formats=("JPEG", "PNG")) as opened:
            _require_size(*opened.size)  # it stands in the header; nothing is decoded yet
            if opened.mode not in _PILLOW_MODES:
                raise PerceptionError(
                    f"compressed image: expected 8 bits a channel in colour or grey, got a {opened.format} "
                    f"of mode {opened.mode}"
                )
            return np.asarray(opened.convert("RGB"))
    except UnidentifiedImageError as error:
        raise PerceptionError(f"compressed image: expected a JPEG or PNG, got {_head(frame)}") from error
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise PerceptionError(f"compressed image: expected an intact JPEG or PNG, but: {error}") from error


def _head(frame: CameraFrame) -> str:
    return f"{frame.data.size} bytes that begin with {frame.data[:4].tobytes().hex() or 'nothing'}"


def upright(frame: CameraFrame, rotate_deg: int) -> ByteImage:
    """Decode and turn.

    Args:
        frame: as it arrived.
        rotate_deg: 0, 90, 180 or 270, clockwise.

    Returns:
        uint8 [H, W, 3], RGB; may be a view of the frame's data.

    Raises:
        PerceptionError: the frame cannot be decoded.
    """
    return np.rot90(decode(frame), k=-(rotate_deg // 90))
