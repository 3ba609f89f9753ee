# SPDX-License-Identifier: Apache-2.0
"""What the cameras see: the robot and its table, from the right places, with a sensor's noise. Needs EGL."""

from __future__ import annotations

import queue
import sys

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")

from fakes.droid_world import ROBOT, droid_scene, droid_simulation

from molmoact2_ros.sim import Cameras, CameraThread, RenderedFrame, SimulationError

pytestmark = pytest.mark.sim

WIDTH, HEIGHT = 160, 90
RED, BLUE, ORANGE = np.array([0.8, 0.12, 0.1]), np.array([0.14, 0.27, 0.72]), np.array([0.93, 0.45, 0.08])


def _open(seed: int = 0) -> Cameras:
    try:
        return Cameras(droid_scene(), WIDTH, HEIGHT, seed)
    except SimulationError as error:
        pytest.skip(str(error))


def _view(role: str, pose: str = "home", seed: int = 0) -> np.ndarray:
    cameras, qpos = _open(seed), droid_simulation().snapshot()
    qpos[:7] = ROBOT.pose(pose)[:7]
    image = cameras.render(role, qpos)
    cameras.close()
    return image


def _pixels_of(image: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Return [pixels, (row, column)] of a hue, whatever the light on it."""
    directions = image / np.maximum(np.linalg.norm(image.astype(float), axis=-1, keepdims=True), 1.0)
    return np.argwhere(directions @ (colour / np.linalg.norm(colour)) > 0.985)


@pytest.mark.parametrize("role", ["external", "wrist"])
def test_image_is_rgb_of_the_size_asked_for_and_shows_something(role: str) -> None:
    image = _view(role)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert image.dtype == np.uint8
    assert image.std() > 25.0
    assert 50 < image.mean() < 200


def test_depth_is_the_distance_along_the_cameras_axis_in_metres() -> None:
    cameras, qpos = _open(), droid_simulation().snapshot()
    view = cameras.look("external", qpos)
    cameras.close()
    assert view.depth_m.shape == (HEIGHT, WIDTH)
    # The pixel below the middle column sees the bare table; its ray meets z = -0.001 m.
    camera = droid_scene().description.cameras["external"]
    right, up = np.array(camera.axes()).reshape(2, 3)
    forward = np.cross(up, right)
    row, column = 80, 60
    scale = 2 * np.tan(np.radians(camera.fovy_deg) / 2) / HEIGHT
    ray = forward + scale * ((column + 0.5 - WIDTH / 2) * right - (row + 0.5 - HEIGHT / 2) * up)
    expected_m = (-0.001 - camera.position[2]) / ray[2]
    assert view.depth_m[row, column] == pytest.approx(expected_m, abs=2e-3)
    assert view.depth_m.max() < 10


def test_an_ideal_view_has_no_noise() -> None:
    cameras, qpos = _open(), droid_simulation().snapshot()
    first, second = cameras.look("external", qpos), cameras.look("external", qpos)
    noisy = cameras.render("external", qpos)
    cameras.close()
    np.testing.assert_array_equal(first.image, second.image)
    assert (noisy.astype(int) - first.image).std() == pytest.approx(2.0, rel=0.2)


def test_external_camera_sees_blocks_bowl_and_a_white_arm() -> None:
    image = _view("external")
    for colour in (RED, BLUE, ORANGE):
        assert len(_pixels_of(image, colour)) > 5
    white = (image.min(axis=-1) > 150) & (np.ptp(image.astype(int), axis=-1) < 25)
    assert 0.08 < white.mean() < 0.6


def test_wrist_camera_sees_the_table_above_and_its_own_dark_gripper_below() -> None:
    image = _view("wrist").astype(float).mean(axis=-1)
    assert image[: HEIGHT // 4].mean() > 2.5 * image[-HEIGHT // 8 :].mean()


def test_wrist_camera_moves_with_the_arm_and_the_external_one_does_not() -> None:
    moved = {}
    for role in ("wrist", "external"):
        home, ready = (_pixels_of(_view(role, pose), RED).mean(axis=0) for pose in ("home", "ready"))
        moved[role] = np.linalg.norm(home - ready)
    assert moved["wrist"] > 20
    assert moved["external"] < 2


def test_frames_of_a_still_scene_are_never_identical_but_close() -> None:
    cameras, qpos = _open(), droid_simulation().snapshot()
    frames = [cameras.render("external", qpos).astype(int) for _ in range(10)]
    cameras.close()
    differences = [frames[i] - frames[i + 1] for i in range(9)]
    assert all(difference.any() for difference in differences)
    assert np.std(differences) == pytest.approx(2.0 * np.sqrt(2.0), rel=0.15)  # two deviates of 2 grey levels


def test_noise_is_the_same_for_the_same_seed_only() -> None:
    assert (_view("wrist", seed=3) == _view("wrist", seed=3)).all()
    assert (_view("wrist", seed=3) != _view("wrist", seed=4)).any()


def test_missing_egl_is_one_sentence_with_the_packages_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco.egl", None)  # as an ImportError of PyOpenGL
    with pytest.raises(SimulationError, match="apt install libegl1 libegl-mesa0 libgl1-mesa-dri") as raised:
        Cameras(droid_scene(), WIDTH, HEIGHT, 0)
    assert "\n" not in str(raised.value)


def test_image_larger_than_the_buffer_is_refused() -> None:
    with pytest.raises(SimulationError, match="at most 1280 x 720, not 4000 x 90"):
        Cameras(droid_scene(), 4000, 90, 0)


def test_thread_hands_out_every_camera_with_the_stamp_of_its_exposure() -> None:
    _open().close()
    frames: queue.SimpleQueue[RenderedFrame] = queue.SimpleQueue()
    thread = CameraThread(_open, frames.put)
    qpos = droid_simulation().snapshot()
    thread.expose("external", 11, qpos)
    thread.expose("wrist", 22, qpos)
    stamps = {frame.role: frame.stamp_ns for frame in (frames.get(timeout=20), frames.get(timeout=20))}
    thread.close()
    assert stamps == {"external": 11, "wrist": 22}


def test_thread_without_a_renderer_raises_where_it_was_made() -> None:
    def broken() -> Cameras:
        raise SimulationError("no EGL here")

    with pytest.raises(SimulationError, match="no EGL here"):
        CameraThread(broken, lambda _frame: None)


def test_newest_exposure_replaces_one_that_waits() -> None:
    class SlowCameras:
        def render(self, role: str, qpos: np.ndarray) -> np.ndarray:
            started.put(role)
            proceed.get(timeout=20)
            return np.zeros((1, 1, 3), np.uint8)

        def close(self) -> None: ...

    started, proceed, frames = queue.SimpleQueue(), queue.SimpleQueue(), queue.SimpleQueue()
    thread = CameraThread(SlowCameras, frames.put)
    thread.expose("wrist", 1, np.zeros(1))
    started.get(timeout=20)
    thread.expose("wrist", 2, np.zeros(1))
    thread.expose("wrist", 3, np.zeros(1))
    for _ in range(2):
        proceed.put(True)
    stamps = [frames.get(timeout=20).stamp_ns for _ in range(2)]
    thread.close()
    assert stamps == [1, 3]
