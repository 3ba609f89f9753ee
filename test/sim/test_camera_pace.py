# SPDX-License-Identifier: Apache-2.0
"""The camera rate gives way to the physics, and comes back."""

from __future__ import annotations

import pytest

from molmoact2_ros.sim import CameraPace


def _run(pace: CameraPace, begin_s: float, seconds: float, render_s: float, late_s: float = 0.0) -> list[float]:
    """Return the moments at which the rate fell below what was asked, rendering one image at a time."""
    fell, now_s = [], begin_s
    while now_s < begin_s + seconds:
        now_s += 1.0 / pace.rate_hz
        pace.rendered(now_s, render_s)
        pace.late(late_s)
        if pace.judge(now_s):
            fell.append(now_s)
    return fell


def test_keeps_the_rate_asked_for_while_rendering_is_quick() -> None:
    pace = CameraPace(30.0)
    assert _run(pace, 0.0, 10.0, render_s=0.01) == []
    assert pace.rate_hz == 30.0


def test_slow_rendering_lowers_the_rate_until_it_fits() -> None:
    pace = CameraPace(30.0)
    assert len(_run(pace, 0.0, 10.0, render_s=0.1)) == 1
    assert pace.rate_hz * 0.1 == pytest.approx(0.7, abs=0.1)


def test_physics_that_falls_behind_lowers_the_rate() -> None:
    pace = CameraPace(30.0)
    assert _run(pace, 0.0, 5.0, render_s=0.001, late_s=0.3)
    assert pace.rate_hz < 20.0


def test_rate_returns_when_the_machine_is_calm_again() -> None:
    pace = CameraPace(30.0)
    _run(pace, 0.0, 10.0, render_s=0.1)
    _run(pace, 10.0, 40.0, render_s=0.005)
    assert pace.rate_hz == 30.0


def test_rate_never_falls_below_the_lowest() -> None:
    pace = CameraPace(15.0, lowest_hz=2.0)
    _run(pace, 0.0, 30.0, render_s=5.0)
    assert pace.rate_hz == 2.0
