# SPDX-License-Identifier: Apache-2.0
"""The mean rate of what the gate lets pass. No ROS."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.timing import StampRateLimiter


def _passed(stamps_s, rate_hz=15.0):
    gate = StampRateLimiter(rate_hz)
    return [stamp for stamp in stamps_s if gate.passes(int(stamp * 1e9))]


@pytest.mark.parametrize(("camera_hz", "mean_hz"), [(15, 15), (20, 15), (30, 15), (60, 15), (10, 10)])
def test_mean_rate_is_the_smaller_of_camera_and_gate(camera_hz, mean_hz):
    passed = _passed(1000 + np.arange(0, 20, 1 / camera_hz))
    assert len(passed) == pytest.approx(20 * mean_hz, abs=2)


def test_a_camera_at_the_rate_loses_no_frame_to_jitter():
    jitter = np.random.default_rng(0).uniform(-0.004, 0.004, 300)
    stamps = 1000 + np.arange(300) / 15 + jitter
    assert len(_passed(stamps)) == 300


def test_a_gap_is_not_made_up_for_by_a_burst():
    stamps = [1000.0, 1001.0, 1001.02, 1001.04]
    assert _passed(stamps) == [1000.0, 1001.0]


def test_time_that_runs_backwards_starts_a_new_schedule():
    assert _passed([1000.0, 5.0, 5.01]) == [1000.0, 5.0]
