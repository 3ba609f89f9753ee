# SPDX-License-Identifier: Apache-2.0
"""Pins which inferences reason in depth."""

import pytest

from molmoact2_ros.policy.depth_schedule import DepthSchedule
from molmoact2_ros.policy.policy import PolicyError


@pytest.mark.parametrize(("every", "expected"), [(1, "yyyyyyy"), (3, "ynnynny"), (0, "nnnnnnn")])
def test_every_nth_inference_reasons_the_first_included_and_none_on_demand(every: int, expected: str) -> None:
    schedule = DepthSchedule(every)
    assert "".join("y" if schedule.due() else "n" for _ in expected) == expected


def test_one_that_is_asked_for_reasons_once() -> None:
    schedule = DepthSchedule(0)
    schedule.ask()
    assert [schedule.due(), schedule.due()] == [True, False]


def test_a_restart_forgets_what_was_asked_for_and_counts_again() -> None:
    schedule = DepthSchedule(2)
    schedule.due()
    schedule.ask()
    schedule.restart()
    assert [schedule.due(), schedule.due()] == [True, False]


def test_a_negative_period_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"depth_every: expected 0 \(on demand\) or more, got -1"):
        DepthSchedule(-1)
