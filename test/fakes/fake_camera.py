# SPDX-License-Identifier: Apache-2.0
"""A camera driver with the bad manners of real ones."""

from __future__ import annotations

import numpy as np

from molmoact2_ros.interfaces.camera_frame import CameraFrame

MS = 1_000_000  # ns


class FakeCamera:
    """One reused buffer, rows with padding; on request it repeats its stamp or its image."""

    def __init__(self, height: int = 4, width: int = 6, padding: int = 5, seed: int = 0) -> None:
        self.height, self.width = height, width
        self.step = width * 3 + padding
        self.buffer = np.zeros(height * self.step, dtype=np.uint8)
        self._random = np.random.default_rng(seed)

    @property
    def image(self) -> np.ndarray:
        """What the buffer shows now: uint8 [H, W, 3] RGB."""
        rows = self.buffer.reshape(self.height, self.step)[:, : self.width * 3]
        return rows.reshape(self.height, self.width, 3).copy()

    def expose(self) -> None:
        """Overwrite the one buffer with a new noisy image; the padding is white and must never show."""
        self.buffer[:] = 255
        noise = self._random.integers(0, 200, (self.height, self.width * 3), dtype=np.uint8)
        self.buffer.reshape(self.height, self.step)[:, : self.width * 3] = noise

    def frame(self, stamp_ms: float, *, frozen: bool = False) -> CameraFrame:
        """Return a frame of the buffer itself; `frozen`: with the image of the last one, under a new stamp."""
        if not frozen:
            self.expose()
        stamp_ns = int(stamp_ms * MS)
        return CameraFrame(stamp_ns, stamp_ns, self.buffer, "rgb8", self.height, self.width, self.step)

    def message_frame(self, stamp_ms: float, *, frozen: bool = False) -> CameraFrame:
        """Return a frame with its own copy of the buffer, as a message that came over the wire."""
        frame = self.frame(stamp_ms, frozen=frozen)
        return CameraFrame(
            frame.stamp_ns, frame.received_ns, self.buffer.copy(), "rgb8", self.height, self.width, self.step
        )
