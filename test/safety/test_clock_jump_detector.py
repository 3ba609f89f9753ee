# SPDX-License-Identifier: Apache-2.0
"""ROS time against steady time: what is a jump, and what is a clock that is slewed, paused or read twice."""

from __future__ import annotations

import pytest

from molmoact2_ros.interfaces.safety_state import Cause
from molmoact2_ros.safety.clock_jump_detector import ClockJumpDetector
from molmoact2_ros.timing import Instant

TICK_NS = 20_000_000
LIMIT_S = 0.1


def _run(watch: ClockJumpDetector, rates: list[float]) -> list[float]:
    """Turn the clocks, ROS time at these rates, tick by tick; return the jumps that were reported."""
    ros_ns, jumps = 10**18, []
    for tick, rate in enumerate(rates):
        ros_ns += round(rate * TICK_NS)
        verdict = watch.check(Instant(ros_ns, tick * TICK_NS))
        if verdict is not None:
            assert verdict.cause is Cause.CLOCK_JUMP
            jumps.append(verdict.value)
    return jumps


@pytest.mark.parametrize("jump_s", [-100.0, -0.11, 0.11, 100.0])
def test_a_jump_is_reported_once_with_its_size(jump_s: float) -> None:
    rates = [1.0] * 30 + [1.0 + jump_s * 50] + [1.0] * 200
    assert _run(ClockJumpDetector(LIMIT_S), rates) == [pytest.approx(jump_s, abs=1e-6)]


@pytest.mark.parametrize("jump_s", [-0.09, 0.09])
def test_less_than_the_limit_is_no_jump(jump_s: float) -> None:
    assert not _run(ClockJumpDetector(LIMIT_S), [1.0] * 30 + [1.0 + jump_s * 50] + [1.0] * 200)


@pytest.mark.parametrize("rate", [1.0005, 0.9995, 1.05, 0.95])
def test_a_clock_that_is_slewed_never_jumps(rate: float) -> None:
    assert not _run(ClockJumpDetector(LIMIT_S), [rate] * 5000)


def test_a_clock_that_runs_away_is_reported_within_a_second() -> None:
    assert _run(ClockJumpDetector(LIMIT_S), [1.0] * 10 + [1.2] * 50)


def test_simulated_time_that_comes_in_steps_and_catches_up_is_no_jump() -> None:
    assert not _run(ClockJumpDetector(LIMIT_S), [0.0, 0.0, 0.0, 0.0, 0.0, 6.0] * 100)


def test_simulated_time_that_stood_still_and_goes_on_has_jumped_back() -> None:
    assert _run(ClockJumpDetector(LIMIT_S), [1.0] * 50 + [0.0] * 50) == []
    assert len(_run(ClockJumpDetector(LIMIT_S), [1.0] * 50 + [0.0] * 50 + [1.0] * 50)) == 1
