# SPDX-License-Identifier: Apache-2.0
"""Render the cameras of a scene off screen, with the noise of a sensor."""

from __future__ import annotations

import os
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from .errors import SimulationError
from .frame import Image
from .scene import OFFSCREEN_PX, Scene

# A software renderer with one thread per core steals the core that the physics needs; one thread is as good for images
# this small. It reads this when the context is made.
os.environ.setdefault("LP_NUM_THREADS", "1")
NOISE_POOL = 8  # noise fields drawn once; each frame takes one at a random shift
MAX_GEOMS = 1000


@dataclass(frozen=True, eq=False)
class View:
    """What an ideal camera sees: `image` [height, width, 3] RGB; `depth_m` [height, width], m along its axis."""

    image: Image
    depth_m: NDArray[np.float32]


class Cameras:
    """An offscreen renderer. Create, use and close it in one thread: an OpenGL context belongs to a thread."""

    def __init__(self, scene: Scene, width: int, height: int, seed: int, *, reflections: bool = False) -> None:
        """Open the renderer.

        Args:
            scene: the world.
            width: pixels.
            height: pixels.
            seed: of the sensors' noise.
            reflections: draw them, where a material has any.

        Raises:
            SimulationError: the machine has no EGL, or the image is larger than the offscreen buffer.
        """
        if width > OFFSCREEN_PX[0] or height > OFFSCREEN_PX[1]:
            raise SimulationError(
                f"camera images are at most {OFFSCREEN_PX[0]} x {OFFSCREEN_PX[1]}, not {width} x {height}"
            )
        self._gl = _open_context(width, height)
        self._model, self._data = scene.model, mujoco.MjData(scene.model)
        self._context = mujoco.MjrContext(scene.model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._view = mujoco.MjvScene(scene.model, maxgeom=MAX_GEOMS)
        # Either would double the time of a software renderer, or worse.
        self._view.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        self._view.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = int(reflections)
        self._option, self._pose = mujoco.MjvOption(), mujoco.MjvCamera()
        self._pose.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._frame = mujoco.MjrRect(0, 0, width, height)
        self._pixels = np.empty((height, width, 3), np.uint8)
        self._random = np.random.default_rng(seed)
        self._noise = self._draw_noise(scene.description.noise_levels)

    def render(self, role: str, qpos: NDArray[np.float64]) -> Image:
        """Return what a camera sees.

        Args:
            role: name of the camera.
            qpos: [nq] MuJoCo's generalised positions.

        Returns:
            [height, width, 3] RGB, a new array; no two are alike.
        """
        self._draw(role, qpos)
        mujoco.mjr_readPixels(self._pixels, None, self._frame, self._context)
        return self._with_noise(self._pixels[::-1])  # OpenGL counts rows from below

    def look(self, role: str, qpos: NDArray[np.float64]) -> View:
        """Return what an ideal camera would see, and how far it is; arguments as for `render`."""
        self._draw(role, qpos)
        buffer = np.empty(self._pixels.shape[:2], np.float32)  # 0 at the near plane, 1 at the far one
        mujoco.mjr_readPixels(self._pixels, buffer, self._frame, self._context)
        near_m = self._model.vis.map.znear * self._model.stat.extent
        far_m = self._model.vis.map.zfar * self._model.stat.extent
        depth_m = near_m / (1 - buffer[::-1] * (1 - near_m / far_m))
        return View(self._pixels[::-1].copy(), depth_m.astype(np.float32))

    def _draw(self, role: str, qpos: NDArray[np.float64]) -> None:
        self._data.qpos[:] = qpos
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        self._pose.fixedcamid = self._model.camera(role).id
        mujoco.mjv_updateScene(
            self._model, self._data, self._option, None, self._pose, mujoco.mjtCatBit.mjCAT_ALL, self._view
        )
        mujoco.mjr_render(self._frame, self._view, self._context)

    def close(self) -> None:
        """Free the renderer."""
        self._context.free()
        self._gl.free()

    def _draw_noise(self, levels: float) -> NDArray[np.int16]:
        shape = (NOISE_POOL, *self._pixels.shape)
        return np.round(levels * self._random.standard_normal(shape, np.float32)).astype(np.int16)

    def _with_noise(self, pixels: Image) -> Image:
        # A normal deviate per pixel would cost more than the rendering; a shifted field looks as random.
        field = self._noise[self._random.integers(NOISE_POOL)].ravel()
        shifted = np.roll(field, int(self._random.integers(field.size))).reshape(pixels.shape)
        noisy: Image = np.clip(pixels + shifted, 0, 255).astype(np.uint8)
        return noisy


def _open_context(width: int, height: int) -> mujoco.egl.GLContext:
    """Open EGL by name: what `import mujoco` picks depends on MUJOCO_GL at its first import, which may not be ours."""
    try:
        import mujoco.egl

        context = mujoco.egl.GLContext(width, height)
        context.make_current()
    except (ImportError, AttributeError, RuntimeError, OSError) as error:
        raise SimulationError(
            "camera images need EGL, which this machine does not offer "
            f"({type(error).__name__}: {error}); install it: apt install libegl1 libegl-mesa0 libgl1-mesa-dri"
        ) from error
    return context
