# SPDX-License-Identifier: Apache-2.0
"""The bound on a rate. No ROS."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.timing import RateLimiter


def _allowed(times_s, rate_hz=100.0):
    limiter = RateLimiter(rate_hz)
    return sum(limiter.allows(int(time * 1e9)) for time in times_s)


@pytest.mark.parametrize(("source_hz", "passed"), [(1000, 1001), (100, 1000), (30, 300)])
def test_mean_rate_is_bounded_and_slower_sources_pass_whole(source_hz, passed):
    assert _allowed(50 + np.arange(0, 10, 1 / source_hz)) == pytest.approx(passed, abs=1)


def test_jitter_of_a_source_at_the_rate_costs_nothing():
    jitter = np.random.default_rng(0).uniform(-0.001, 0.001, 1000)
    assert _allowed(50 + np.arange(1000) / 100 + jitter) == 1000


def test_a_gap_is_not_made_up_for_by_a_burst():
    assert _allowed([50.0, 60.0, 60.001, 60.002, 60.003]) == 2
