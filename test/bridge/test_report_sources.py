# SPDX-License-Identifier: Apache-2.0
"""Telling two publishers of the same joints from one, by the numbers of their messages. No ROS."""

from __future__ import annotations

import pytest

from molmoact2_ros.bridge.group_state import ReportSources


def _received(*numbers: int | None) -> ReportSources:
    sources = ReportSources()
    for number in numbers:
        sources.add(number)
    return sources


def _slow_beside_fast() -> list[int]:
    return [number if number % 20 else number // 20 for number in range(5000, 5080)]


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param([1, 1, 2, 2, 3, 3, 4, 4], id="two that began together"),
        pytest.param([900, 1, 901, 2, 902, 3, 903], id="one that came later"),
        pytest.param(_slow_beside_fast(), id="one of a twentieth of the rate"),
    ],
)
def test_numbers_that_go_back_again_and_again_are_two_publishers(numbers: list[int]) -> None:
    assert _received(*numbers).are_several


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param([1, 2, 5, 9, 10], id="some were lost"),
        pytest.param([*range(800, 900), *range(1, 100), *range(1, 100)], id="restarted twice"),
        pytest.param([None] * 50, id="a middleware that does not number"),
    ],
)
def test_one_publisher_is_one_whatever_is_lost_and_however_it_restarts(numbers: list[int | None]) -> None:
    assert not _received(*numbers).are_several


def test_a_publisher_that_went_away_is_forgotten() -> None:
    assert not _received(1, 1, 2, 2, 3, 3, *range(4, 300)).are_several
