# SPDX-License-Identifier: Apache-2.0
"""A stop outlives the safety process that latched it: every way in which one process can follow another."""

from __future__ import annotations

import pytest

from molmoact2_ros.bridge import SafetyMemory

ESTOP, RESTARTED = 2, 55
OLD, NEW, NEWEST = 101, 102, 103


def _received(*states: tuple[int, bool, int]) -> SafetyMemory:
    """Return a memory that has received these states: instance id, armed, cause."""
    memory = SafetyMemory(RESTARTED)
    for instance_id, armed, cause in states:
        memory.on_safety(instance_id=instance_id, armed=armed, cause=cause, text=f"cause {cause}" if cause else "")
    return memory


def test_what_was_pressed_is_handed_on_with_the_stop_until_the_next_process_has_latched_it() -> None:
    memory = _received((OLD, False, 0))
    memory.on_safety(instance_id=OLD, armed=False, cause=ESTOP, text="pressed", pressed=2)
    memory.on_safety(instance_id=NEW, armed=False, cause=0, text="")
    assert (memory.former_cause, memory.former_pressed) == (ESTOP, 2)
    memory.on_safety(instance_id=NEWEST, armed=False, cause=0, text="")
    assert memory.former_pressed == 2
    memory.on_safety(instance_id=NEWEST, armed=False, cause=ESTOP, text="pressed", pressed=2)
    assert memory.former_pressed == 0


@pytest.mark.parametrize(
    ("states", "former"),
    [
        ([(OLD, False, 0)], 0),
        ([(OLD, False, ESTOP)], 0),
        ([(OLD, False, ESTOP), (NEW, False, 0)], ESTOP),
        ([(OLD, True, 0), (NEW, False, 0)], RESTARTED),
        ([(OLD, True, 0), (OLD, False, ESTOP), (NEW, False, 0)], ESTOP),
        ([(OLD, False, ESTOP), (OLD, False, 0), (NEW, False, 0)], 0),
        ([(OLD, False, ESTOP), (NEW, False, 0), (NEW, False, 0)], ESTOP),
        ([(OLD, False, ESTOP), (NEW, False, 0), (NEW, False, ESTOP)], 0),
        ([(OLD, False, ESTOP), (NEW, False, 0), (NEW, False, ESTOP), (NEW, False, 0)], 0),
        ([(OLD, False, ESTOP), (NEW, False, 0), (NEWEST, False, 0)], ESTOP),
    ],
    ids=[
        "the first process",
        "a stop that its own process still knows",
        "stopped, then restarted",
        "armed, then restarted",
        "armed, stopped, then restarted",
        "stopped, reset, then restarted",
        "not taken over yet",
        "taken over",
        "taken over and reset",
        "the next one died as well",
    ],
)
def test_what_is_left_of_a_process_that_is_gone(states: list[tuple[int, bool, int]], former: int) -> None:
    memory = _received(*states)
    assert memory.former_cause == former
    assert bool(memory.former_text) is bool(former)
    assert memory.instance_id == states[-1][0]


def test_news_are_what_safety_does_not_know_yet() -> None:
    memory = SafetyMemory(RESTARTED)
    assert memory.on_safety(instance_id=OLD, armed=False, cause=0, text="")
    assert not memory.on_safety(instance_id=OLD, armed=True, cause=0, text="")
    assert memory.on_safety(instance_id=NEW, armed=False, cause=0, text="")
    assert memory.on_safety(instance_id=NEW, armed=False, cause=RESTARTED, text="")
    assert not memory.on_safety(instance_id=NEW, armed=False, cause=0, text="")
