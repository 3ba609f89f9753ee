# SPDX-License-Identifier: Apache-2.0
"""Pins the delay: rounded up, the slowest that is remembered, without the first call and without the distant past."""

from __future__ import annotations

import pytest

from molmoact2_ros.policy.delay_meter import REMEMBERED, DelayMeter


def _meter(*latencies_s: float) -> DelayMeter:
    meter = DelayMeter(1 / 30)
    for latency_s in latencies_s:
        meter.add(latency_s)
    return meter


@pytest.mark.parametrize(
    ("latencies_s", "steps"),
    [
        ((), 1),
        ((5.0,), 1),  # the first call warms up
        ((5.0, 0.02), 1),
        ((5.0, 1 / 30), 1),
        ((5.0, 0.034), 2),
        ((5.0, 0.05, 0.12, 0.05), 4),
        ((5.0, 0.0), 0),
        ((5.0, -0.1), 0),  # a clock that was set back
    ],
)
def test_delay_is_that_of_the_slowest_call_rounded_up(latencies_s: tuple[float, ...], steps: int) -> None:
    assert _meter(*latencies_s).steps() == steps


def test_a_slow_call_is_forgotten_in_time() -> None:
    meter = _meter(0.0, 1.0, *[0.05] * (REMEMBERED - 1))
    assert meter.steps() == 30
    meter.add(0.05)
    assert meter.steps() == 2


@pytest.mark.parametrize("step_s", [0.0, -1.0, float("nan")])
def test_a_step_that_is_not_positive_is_refused(step_s: float) -> None:
    with pytest.raises(ValueError, match="step_s: expected a positive number"):
        DelayMeter(step_s)
