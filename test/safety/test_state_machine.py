# SPDX-License-Identifier: Apache-2.0
"""The table of modes and events, legal and illegal, and the latch."""

from __future__ import annotations

import pytest

from molmoact2_ros.interfaces.safety_state import Cause, Mode, Verdict
from molmoact2_ros.safety.state_machine import StateMachine
from molmoact2_ros.timing import Instant

FIRST = Verdict(Cause.JUMP, "first")
SECOND = Verdict(Cause.ESTOP, "second")
COOLDOWN_S, STOP_TIME_S = 0.5, 2.0


def _at(seconds: float) -> Instant:
    return Instant(round(seconds * 1e9), round(seconds * 1e9))


def _machine(mode: Mode) -> StateMachine:
    """Return a machine that entered its mode at 0 s."""
    machine = StateMachine(STOP_TIME_S, COOLDOWN_S)
    if mode is not Mode.DISARMED:
        machine.arm([], _at(0))
    if mode in (Mode.STOPPING, Mode.STOPPED):
        machine.stop(FIRST, _at(0))
    if mode is Mode.STOPPED:
        machine.observe(standstill=True, measured=True, now=_at(0))
    assert machine.mode is mode
    return machine


EVENTS = {
    "arm": lambda machine, now: machine.arm([], now),
    "arm_obstructed": lambda machine, now: machine.arm(["the robot moves"], now),
    "stop": lambda machine, now: machine.stop(SECOND, now),
    "reset": lambda machine, now: machine.reset([], now),
    "reset_obstructed": lambda machine, now: machine.reset(["the robot moves"], now),
    "still": lambda machine, now: machine.observe(standstill=True, measured=True, now=now),
    "moving": lambda machine, now: machine.observe(standstill=False, measured=True, now=now),
    "unmeasured": lambda machine, now: machine.observe(standstill=True, measured=False, now=now),
}
CHANGES = {
    (Mode.DISARMED, "arm"): Mode.ARMED,
    (Mode.DISARMED, "stop"): Mode.STOPPING,
    (Mode.ARMED, "stop"): Mode.STOPPING,
    (Mode.STOPPING, "still"): Mode.STOPPED,
    (Mode.STOPPED, "reset"): Mode.DISARMED,
}


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("event", list(EVENTS))
def test_every_event_in_every_mode_leads_where_the_table_says(mode: Mode, event: str) -> None:
    machine = _machine(mode)
    EVENTS[event](machine, _at(1.0))
    assert machine.mode is CHANGES.get((mode, event), mode)


@pytest.mark.parametrize("mode", list(Mode))
def test_time_alone_changes_no_mode(mode: Mode) -> None:
    machine = _machine(mode)
    machine.observe(standstill=False, measured=True, now=_at(1e6))
    assert machine.mode is mode


@pytest.mark.parametrize("mode", [Mode.STOPPING, Mode.STOPPED])
def test_the_first_cause_is_latched_and_later_ones_change_nothing(mode: Mode) -> None:
    machine = _machine(mode)
    assert machine.stop(SECOND, _at(1.0)).done
    assert machine.latched is FIRST


@pytest.mark.parametrize("mode", list(Mode))
def test_a_stop_is_always_answered_as_done(mode: Mode) -> None:
    assert _machine(mode).stop(SECOND, _at(1.0)).done


@pytest.mark.parametrize(
    ("mode", "event", "words"),
    [
        (Mode.DISARMED, "arm_obstructed", "not armed: the robot moves"),
        (Mode.STOPPING, "arm", "call ~/reset first"),
        (Mode.STOPPED, "arm", "call ~/reset first"),
        (Mode.DISARMED, "reset", "there is no stop to clear"),
        (Mode.ARMED, "reset", "there is no stop to clear"),
        (Mode.STOPPING, "reset", "has not been measured to stand still"),
        (Mode.STOPPED, "reset_obstructed", "not reset: the robot moves"),
    ],
)
def test_a_request_that_is_not_granted_says_why(mode: Mode, event: str, words: str) -> None:
    reply = EVENTS[event](_machine(mode), _at(1.0))
    assert not reply.done
    assert words in reply.text


def test_a_reset_waits_for_the_cooldown() -> None:
    machine = _machine(Mode.STOPPED)
    assert "wait 0.1 s" in machine.reset([], _at(COOLDOWN_S - 0.1)).text
    assert machine.reset([], _at(COOLDOWN_S)).done


def test_a_reset_clears_the_latch_and_keeps_its_story() -> None:
    machine = _machine(Mode.STOPPED)
    machine.reset([], _at(1.0))
    assert machine.latched is None
    assert "the stop before it: first" in machine.text


def test_a_robot_that_does_not_come_to_rest_is_reported_with_what_to_do() -> None:
    machine = _machine(Mode.STOPPING)
    machine.observe(standstill=False, measured=True, now=_at(STOP_TIME_S - 0.1))
    assert machine.text == "first"
    machine.observe(standstill=False, measured=True, now=_at(STOP_TIME_S + 0.1))
    assert "press its emergency stop" in machine.text
    assert machine.mode is Mode.STOPPING


@pytest.mark.parametrize("measured", [True, False])
def test_a_stop_without_a_proof_is_overdue_and_reports_what_else_was_tried_until_it_ends(measured: bool) -> None:
    machine = _machine(Mode.STOPPING)
    machine.observe(standstill=False, measured=measured, now=_at(STOP_TIME_S))
    assert not machine.overdue
    machine.observe(standstill=False, measured=measured, now=_at(STOP_TIME_S + 0.1))
    machine.note("its own stop was called")
    assert machine.overdue
    assert machine.text.endswith("press its emergency stop; its own stop was called")
    machine.observe(standstill=True, measured=True, now=_at(STOP_TIME_S + 0.2))
    assert (machine.mode, machine.text, machine.overdue) == (Mode.STOPPED, "first", False)


@pytest.mark.parametrize("mode", [Mode.DISARMED, Mode.ARMED, Mode.STOPPED])
def test_outside_a_stop_nothing_is_overdue_and_nothing_is_added(mode: Mode) -> None:
    machine = _machine(mode)
    text = machine.text
    machine.note("too late")
    machine.observe(standstill=False, measured=False, now=_at(100.0))
    assert (machine.text, machine.overdue) == (text, False)


def test_a_robot_that_is_not_measured_is_never_called_stopped() -> None:
    machine = _machine(Mode.STOPPING)
    machine.observe(standstill=True, measured=False, now=_at(1.0))
    assert "cannot be measured" in machine.text
    machine.observe(standstill=True, measured=True, now=_at(1.1))
    assert (machine.mode, machine.text) == (Mode.STOPPED, "first")


def test_a_new_machine_is_disarmed_and_knows_nothing_of_its_past() -> None:
    machine = StateMachine(STOP_TIME_S, COOLDOWN_S)
    assert (machine.mode, machine.latched) == (Mode.DISARMED, None)
    assert "knows of no stop before it" in machine.text
