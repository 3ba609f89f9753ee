# SPDX-License-Identifier: Apache-2.0
"""Periodic work keeps its mean rate, and does not make up for a pause."""

from __future__ import annotations

from molmoact2_ros.timing import VariableRateLimiter

MS = 1_000_000


def test_mean_rate_holds_although_ticks_are_coarse() -> None:
    schedule = VariableRateLimiter()
    due = [schedule.due(tick * 10 * MS, 15.0) for tick in range(1000)]
    assert sum(due) == 150


def test_phase_delays_the_first_moment() -> None:
    schedule = VariableRateLimiter(phase_s=0.015)
    assert [schedule.due(tick * 10 * MS, 10.0) for tick in range(3)] == [False, False, True]


def test_missed_moments_are_skipped() -> None:
    schedule = VariableRateLimiter()
    schedule.due(0, 100.0)
    assert [schedule.due(1000 * MS + tick * MS, 100.0) for tick in range(4)] == [True, False, False, False]


def test_a_clock_that_is_set_back_or_forward_neither_silences_nor_hurries_it() -> None:
    schedule = VariableRateLimiter()
    schedule.due(5000 * MS, 100.0)
    for jump in (-1000 * MS, 2000 * MS):
        schedule.shift(jump)
    assert [schedule.due(6000 * MS + tick * 5 * MS, 100.0) for tick in range(4)] == [False, False, True, False]
