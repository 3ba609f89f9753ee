# SPDX-License-Identifier: Apache-2.0
"""The camera rate gives way to the physics, and comes back."""

from __future__ import annotations

import pytest

from molmoact2_ros.sim import AdaptiveRate


def _run(rate: AdaptiveRate, begin_s: float, seconds: float, render_s: float, late_s: float = 0.0) -> list[float]:
    """Return the moments at which the rate fell below what was asked, rendering one image at a time."""
    fell, now_s = [], begin_s
    while now_s < begin_s + seconds:
        now_s += 1.0 / rate.rate_hz
        rate.rendered(now_s, render_s)
        rate.late(late_s)
        if rate.adapt(now_s):
            fell.append(now_s)
    return fell


def test_keeps_the_rate_asked_for_while_rendering_is_quick() -> None:
    rate = AdaptiveRate(30.0)
    assert _run(rate, 0.0, 10.0, render_s=0.01) == []
    assert rate.rate_hz == 30.0


def test_slow_rendering_lowers_the_rate_until_it_fits() -> None:
    rate = AdaptiveRate(30.0)
    assert len(_run(rate, 0.0, 10.0, render_s=0.1)) == 1
    assert rate.rate_hz * 0.1 == pytest.approx(0.7, abs=0.1)


def test_physics_that_falls_behind_lowers_the_rate() -> None:
    rate = AdaptiveRate(30.0)
    assert _run(rate, 0.0, 5.0, render_s=0.001, late_s=0.3)
    assert rate.rate_hz < 20.0


def test_rate_returns_when_the_machine_is_calm_again() -> None:
    rate = AdaptiveRate(30.0)
    _run(rate, 0.0, 10.0, render_s=0.1)
    _run(rate, 10.0, 40.0, render_s=0.005)
    assert rate.rate_hz == 30.0


def test_rate_never_falls_below_the_lowest() -> None:
    rate = AdaptiveRate(15.0, lowest_hz=2.0)
    _run(rate, 0.0, 30.0, render_s=5.0)
    assert rate.rate_hz == 2.0
