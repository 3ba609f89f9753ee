# SPDX-License-Identifier: Apache-2.0
"""ROS time that is set back is distinguished from one that goes on, stands still or jumps ahead."""

from __future__ import annotations

import pytest

from molmoact2_ros.timing import SetBackDetector

MS = 1_000_000


@pytest.mark.parametrize(
    ("later_ms", "steady_ms", "jump_ms"),
    [
        pytest.param(20, 20, 0, id="goes on"),
        pytest.param(0, 500, 0, id="stands still"),
        pytest.param(1000, 20, 0, id="leaps ahead"),
        pytest.param(-10, 1, 0, id="received out of order"),
        pytest.param(-980, 20, -1000, id="set back"),
    ],
)
def test_only_a_clock_that_is_set_back_is_reported_and_by_how_much(later_ms: int, steady_ms: int, jump_ms: int) -> None:
    clock = SetBackDetector()
    assert clock.jump_ns(5_000 * MS, 0) == 0
    assert clock.jump_ns((5_000 + later_ms) * MS, steady_ms * MS) == jump_ms * MS


def test_a_jump_is_reported_once() -> None:
    clock = SetBackDetector()
    clock.jump_ns(5_000 * MS, 0)
    assert clock.jump_ns(4_000 * MS, 10 * MS) < 0
    assert clock.jump_ns(4_020 * MS, 30 * MS) == 0
