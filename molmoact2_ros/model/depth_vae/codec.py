# SPDX-License-Identifier: Apache-2.0
"""Depth maps to codes and back, whichever auto-encoder does it.

What could not be determined about the released one, because its file could not be had here and its sources differ:

* Aurora, whose recipe MolmoAct names for its training, feeds it values of -1 to 1, resized to the nearest pixel; the
  public programs that make MolmoAct's labels feed it 0 to 1, resized bilinearly. Labels are what a policy learns, so
  `encode` does as the label programs do.
* In which of the two ranges its decoder answers. The public viewer stretches each decoded frame from its lowest to its
  highest value, and so does `decode`: near and far, without metres.

Axes: G codes along a side, S side of a map in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .config import DepthVaeConfig
from .errors import DepthCodecError
from .network import DepthVae
from .scale import FrameScale, Map, MetricScale, Scale, stretch
from .store import fingerprint, read_folder, read_released

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DepthCodec:
    """An auto-encoder with the meaning of its values.

    Attributes:
        network: does the work.
        scale: what its values mean.
        name: of the file or folder, and the start of its hash: codes of two codecs mean different depths.
    """

    network: DepthVae
    scale: Scale
    name: str

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> DepthCodec:
        """Load a folder that `molmoact2 fit-depth` wrote, or the released `vae-final.pt`.

        Raises:
            DepthCodecError: there is no such file, or it holds something else.
        """
        path = Path(path).expanduser()
        if not path.exists():
            raise DepthCodecError(
                f"there is no depth codec {path}: give a folder of `molmoact2 fit-depth`, or vae-final.pt of "
                "allenai/MolmoAct-7B-D-0812"
            )
        network, scale = read_folder(path) if path.is_dir() else (read_released(path), FrameScale())
        return cls(network.to(device), scale, f"{path.name}@{fingerprint(path)}")

    @property
    def config(self) -> DepthVaeConfig:
        """The sizes."""
        return self.network.config

    @property
    def is_metric(self) -> bool:
        """Whether decoded depth has metres."""
        return isinstance(self.scale, MetricScale)

    def is_named(self, name: str) -> bool:
        """Return whether a name, of whatever file or folder it was then, means this codec."""
        return name.rpartition("@")[2] == self.name.rpartition("@")[2]

    def encode(self, depth_m: Map) -> Codes:
        """Return the codes [G, G] of a depth map.

        Args:
            depth_m: float32 [H, W], m along the camera's axis, all of them known.

        Raises:
            DepthCodecError: it is no such map.
        """
        return self._encode(self.scale.from_depth(_require_map(depth_m), self.config.image_px))

    def encode_nearness(self, nearness: Map) -> Codes:
        """Return the codes [G, G] of relative nearness [H, W], as a teacher that knows no metres gives it.

        Raises:
            DepthCodecError: it is no such map, or the codec is metric.
        """
        return self._encode(self.scale.from_nearness(_require_map(nearness), self.config.image_px))

    def decode(self, codes: NDArray[Any]) -> Map:
        """Return the map [S, S] that codes stand for: depth in m if the codec is metric, else nearness from 0 to 1.

        Args:
            codes: integers [G, G].

        Raises:
            DepthCodecError: they are not a grid of this codec's codes.
        """
        grid, most = self.config.grid, self.config.num_codes
        if codes.shape != (grid, grid) or codes.dtype.kind not in "iu" or codes.min() < 0 or codes.max() >= most:
            raise DepthCodecError(
                f"expected {grid} x {grid} codes from 0 to {most - 1} for {self.name}, got {codes.dtype} "
                f"{codes.shape} from {codes.min() if codes.size else '-'} to {codes.max() if codes.size else '-'}"
            )
        batch = torch.from_numpy(codes.astype(np.int64))[None].to(self._device)
        values: Map = self.network.decode(batch)[0, 0].float().cpu().numpy()
        return self.scale.depth_m(values) if isinstance(self.scale, MetricScale) else stretch(values)

    def _encode(self, values: Map) -> Codes:
        batch = torch.from_numpy(np.ascontiguousarray(values))[None, None].to(self._device)
        codes: Codes = self.network.encode(batch)[0].cpu().numpy()
        return codes

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device


def _require_map(values: Any) -> Map:
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind != "f" or not values.size:
        got = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
        raise DepthCodecError(f"a depth map must be a floating-point array [height, width], got {got}")
    if not np.isfinite(values).all():
        raise DepthCodecError("a depth map must hold finite numbers: fill what the sensor did not see first")
    return values.astype(np.float32, copy=False)
