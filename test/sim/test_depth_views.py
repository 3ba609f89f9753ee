# SPDX-License-Identifier: Apache-2.0
"""Random views for the depth codec: true depth in metres, each another, the same for the same seed. Needs EGL."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")

from molmoact2_ros.embodiment import Embodiment, shipped_embodiments
from molmoact2_ros.sim import SceneDescription, SimulationError, random_depth_views

pytestmark = pytest.mark.sim


def _maps(name: str, count: int, seed: int = 0) -> list[np.ndarray]:
    try:
        return list(random_depth_views(Embodiment.load(name), count, seed))
    except SimulationError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", shipped_embodiments())
def test_maps_have_the_size_of_the_scene_and_depths_of_a_room(name: str) -> None:
    size = SceneDescription.load(Embodiment.load(name)).images
    for depth_m in _maps(name, 3):
        assert depth_m.shape == (size.height_px, size.width_px)
        assert depth_m.dtype == np.float32
        assert 0.1 < depth_m.min() < 1.0
        assert 1.5 < depth_m.max() < 4.0


def test_views_differ_from_each_other_and_repeat_with_their_seed() -> None:
    first, again, other = _maps("droid", 3), _maps("droid", 3), _maps("droid", 3, seed=1)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert np.abs(first[0] - first[1]).mean() > 0.02
    assert np.abs(first[0] - other[0]).mean() > 0.02


def test_camera_comes_back_from_each_shift() -> None:
    """Shifts do not add up: after many views the near corner of the table is as far as it was."""
    corners = np.stack(_maps("droid", 60))[:, -10:, :10].mean(axis=(1, 2))
    assert abs(np.median(corners[:30]) - np.median(corners[30:])) < 0.03
