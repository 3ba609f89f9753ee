# SPDX-License-Identifier: Apache-2.0
"""Render in a thread of its own, so that the physics never waits for an image."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .cameras import Cameras
from .errors import SimulationError
from .frame import RenderedFrame


class CameraThread:
    """Take exposures from one thread, hand frames out in another; the newest exposure of each camera wins."""

    def __init__(self, open_cameras: Callable[[], Cameras], on_frame: Callable[[RenderedFrame], None]) -> None:
        """Open the renderer in the new thread and wait until it stands.

        Args:
            open_cameras: makes the renderer; called in the thread, because an OpenGL context belongs to one.
            on_frame: receives each frame, in the thread.

        Raises:
            SimulationError: `open_cameras` raised it.
        """
        self._open, self._on_frame = open_cameras, on_frame
        self._wake = threading.Condition()  # guards _pending, _stop and _failure
        self._pending: dict[str, tuple[int, NDArray[np.float64]]] = {}
        self._stop, self._failure, self._ready = False, "", threading.Event()
        self._thread = threading.Thread(target=self._run, name="cameras", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise SimulationError(self._failure)

    def expose(self, role: str, stamp_ns: int, qpos: NDArray[np.float64]) -> None:
        """Ask for an image of the world as it is now; returns at once.

        Args:
            role: camera.
            stamp_ns: time of exposure.
            qpos: [nq] MuJoCo's generalised positions; kept, so pass a copy.

        Raises:
            RuntimeError: the thread died of an error of its own.
        """
        if not self._thread.is_alive():
            raise RuntimeError("the camera thread has died; its traceback stands above")
        with self._wake:
            self._pending[role] = (stamp_ns, qpos)
            self._wake.notify()

    def close(self) -> None:
        """Finish the image in work and end the thread."""
        with self._wake:
            self._stop = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            cameras = self._open()
        except SimulationError as error:
            self._failure = str(error)
            return
        finally:
            self._ready.set()
        while (job := self._next()) is not None:
            role, stamp_ns, qpos = job
            begin = time.perf_counter()
            pixels = cameras.render(role, qpos)
            self._on_frame(RenderedFrame(role, stamp_ns, pixels, time.perf_counter() - begin))
        cameras.close()

    def _next(self) -> tuple[str, int, NDArray[np.float64]] | None:
        with self._wake:
            self._wake.wait_for(lambda: self._pending or self._stop)
            if self._stop:
                return None
            role = next(iter(self._pending))  # the camera that has waited longest
            return role, *self._pending.pop(role)
