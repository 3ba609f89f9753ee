# SPDX-License-Identifier: Apache-2.0
"""Between depth and the values that an auto-encoder takes: 0 to 1, near is large. numpy and Pillow.

Axes: H W rows and columns of a depth map, S side of the network's input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DepthCodecError

Map = NDArray[np.float32]

STRAY_PART = 0.005


@dataclass(frozen=True)
class MetricScale:
    """A fixed range in metres, evenly divided; what lies outside counts as its end.

    Attributes:
        near_m: becomes 1.
        far_m: becomes 0.
    """

    near_m: float
    far_m: float

    def __post_init__(self) -> None:
        if not (0 <= self.near_m < self.far_m < math.inf):
            raise DepthCodecError(f"depth codec: expected 0 <= near_m < far_m, got {self.near_m} and {self.far_m}")

    def from_depth(self, depth_m: Map, side: int) -> Map:
        """Return values [S, S] of depths [H, W] in m, all of them known."""
        return _resize(self.values(depth_m), side)

    def from_nearness(self, _nearness: Map, _side: int) -> Map:
        """Refuse: an image's relative nearness has no metres."""
        raise DepthCodecError(
            "this codec's codes mean metres, and the teacher is relative only: give a teacher that is metric, "
            "such as depth-anything/Depth-Anything-V2-Metric-Indoor-Base-hf, or --codec vae-final.pt"
        )

    def values(self, depth_m: Map) -> Map:
        """Return values [H, W]."""
        part = (self.far_m - depth_m) / (self.far_m - self.near_m)
        return np.clip(part, 0, 1).astype(np.float32)

    def outside(self, depth_m: Map) -> float:
        """Return the part of depths that lies outside the range."""
        return float(((depth_m < self.near_m) | (depth_m > self.far_m)).mean())

    def depth_m(self, values: Map) -> Map:
        """Return the depths in m of values of any shape."""
        return (self.far_m - np.clip(values, 0, 1) * (self.far_m - self.near_m)).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return what config.json and the files of codes say."""
        return {"kind": "metric", "near_m": self.near_m, "far_m": self.far_m}


@dataclass(frozen=True)
class FrameScale:
    """Nearness (one by depth, up to a factor and an offset), stretched over each frame by itself: no metres.

    As MolmoAct's labels are made (allenai/molmoact, preprocess/processors.py at 622ad08): stretched to 0 to 255 at the
    size of the camera's image, cut off to bytes, resized by Pillow bilinearly, divided by 255.
    """

    def outside(self, _depth_m: Map) -> float:
        """Return 0: every depth has its place."""
        return 0.0

    def from_depth(self, depth_m: Map, side: int) -> Map:
        """Return values [S, S] of depths [H, W] in m, all of them known and above 0.

        The nearest two-hundredth of the pixels count as near as the next: a stray pixel at 2 cm would leave three
        levels of a hundred to the rest of a scene.
        """
        nearness: Map = np.reciprocal(np.maximum(depth_m, np.float32(1e-3)))
        return self.from_nearness(np.minimum(nearness, np.quantile(nearness, 1 - STRAY_PART)), side)

    def from_nearness(self, nearness: Map, side: int) -> Map:
        """Return values [S, S] of relative nearness [H, W]."""
        levels = (stretch(nearness) * 255).astype(np.uint8)
        return _resize(levels, side) / np.float32(255)

    def to_json(self) -> dict[str, Any]:
        """Return what the files of codes say."""
        return {"kind": "frame"}


Scale = MetricScale | FrameScale


def stretch(values: Map) -> Map:
    """Return values of any shape moved to 0 to 1, lowest to highest."""
    low, high = float(values.min()), float(values.max())
    return ((values - low) / (high - low + 1e-8)).astype(np.float32)


def _resize(values: NDArray[Any], side: int) -> Map:
    from PIL import Image

    resized = Image.fromarray(values).resize((side, side), Image.Resampling.BILINEAR)
    return np.array(resized, dtype=np.float32)
