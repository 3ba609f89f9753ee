# SPDX-License-Identifier: Apache-2.0
"""The auto-encoder behind depth codes: a depth map to a 10 x 10 grid of codes, and back."""

from .codec import DepthCodec
from .config import DepthVaeConfig
from .errors import DepthCodecError
from .network import DepthVae
from .scale import FrameScale, MetricScale
from .store import MADE_BY, write_codec

__all__ = [
    "MADE_BY",
    "DepthCodec",
    "DepthCodecError",
    "DepthVae",
    "DepthVaeConfig",
    "FrameScale",
    "MetricScale",
    "write_codec",
]
