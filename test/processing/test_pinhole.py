# SPDX-License-Identifier: Apache-2.0
"""Depth to points: where they lie, whatever the map's size, and which cameras are refused."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.processing.pinhole import Pinhole

CAMERA = Pinhole(width=320, height=180, fx=200.0, fy=210.0, cx=159.5, cy=89.5)


def test_points_project_back_to_the_middle_of_their_cells() -> None:
    depth_m = np.random.default_rng(0).uniform(0.3, 3, (6, 10))
    x, y, z = np.moveaxis(CAMERA.points(depth_m), -1, 0)
    np.testing.assert_allclose(z, depth_m, rtol=1e-6)
    # Cells of 32 x 30 px, the first of which has its middle at pixel 15.5 and 14.5.
    rows, columns = 14.5 + 30 * np.arange(6)[:, None], 15.5 + 32 * np.arange(10)
    np.testing.assert_allclose(200 * x / z + 159.5, np.broadcast_to(columns, (6, 10)), rtol=1e-5)
    np.testing.assert_allclose(210 * y / z + 89.5, np.broadcast_to(rows, (6, 10)), rtol=1e-5)


def test_the_axis_points_forward_and_what_lies_right_and_below_is_positive() -> None:
    points = CAMERA.points(np.ones((180, 320)))
    assert points[89:91, 159:161, :2].mean() == pytest.approx(0, abs=1e-6)
    assert (points[-1, -1] > 0).all()
    assert (points[0, 0, :2] < 0).all()


@pytest.mark.parametrize("wrong", [{"fx": 0.0}, {"fy": -1.0}, {"fx": float("nan")}, {"width": 0}])
def test_an_uncalibrated_camera_is_refused(wrong: dict[str, float]) -> None:
    values = {"width": 320, "height": 180, "fx": 200.0, "fy": 210.0, "cx": 159.5, "cy": 89.5}
    with pytest.raises(ProcessingError, match="not calibrated"):
        Pinhole(**(values | wrong))  # type: ignore[arg-type]
