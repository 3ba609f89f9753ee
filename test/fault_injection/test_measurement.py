# SPDX-License-Identifier: Apache-2.0
"""What is measured of a fault, on motion made up for it: whatever is wrong with it must be found. No ROS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.fault_injection.catalogue import catalogue, choose
from molmoact2_ros.fault_injection.catalogue.names import SAFE
from molmoact2_ros.fault_injection.fault import Fault
from molmoact2_ros.fault_injection.measurement import Measurement, measure
from molmoact2_ros.fault_injection.outcome import Outcome, combine, conclude, skipped, worst
from molmoact2_ros.fault_injection.recording import Recording

ROBOT = Embodiment.load("droid")
ESTOP: Fault = choose(catalogue(ROBOT), ["estop"])[0]
FAULT_S, SPEED_RAD_S, PERIOD_S = 100.0, 0.5, 0.01
EPOCH_S, TRANSPORT_S = 1e9, 0.002


def _stopping(time_s: float) -> float:
    """Half a radian a second until the fault, then at rest within 0.2 s: 2.5 rad/s2, a quarter of the limit."""
    return SPEED_RAD_S * float(np.clip(1.0 - (time_s - FAULT_S) / 0.2, 0.0, 1.0))


def _recording(speed: Callable[[float], float] = _stopping, last_command_s: float = 0.01) -> Recording:
    """Record from 1 s before the fault to 2 s after it; joint 3 moves."""
    recording, position = Recording(), 0.0
    for time_s in np.arange(FAULT_S - 1.0, FAULT_S + 2.0, PERIOD_S):
        velocities, positions = np.zeros(8), np.zeros(8)
        velocities[2] = speed(time_s)
        position += velocities[2] * PERIOD_S
        positions[2] = position
        recording.add(time_s + TRANSPORT_S, time_s + EPOCH_S, positions, velocities)
    recording.commands = [(at, SAFE) for at in np.arange(FAULT_S - 1.0, FAULT_S + last_command_s, 0.02)]
    return recording


def _measure(recording: Recording) -> Measurement:
    return measure(recording, FAULT_S, ROBOT)


def _misses(recording: Recording, cause: str = "estop") -> list[str]:
    return Outcome(ESTOP, cause, _measure(recording)).misses


def test_a_clean_stop_is_measured_as_it_is() -> None:
    measured = _measure(_recording())
    assert measured.standstill_s == pytest.approx(0.2, abs=0.02)
    assert measured.acceleration_ratio == pytest.approx(0.25, abs=0.01)
    assert not measured.moved_after_stop
    assert _misses(_recording()) == []


def test_a_late_command_is_found() -> None:
    recording = _recording()
    recording.commands.append((FAULT_S + 1.5, SAFE))
    assert _measure(recording).last_command_s == pytest.approx(1.5)
    assert any(miss.startswith("a command came after 1500 ms, budget 100 ms") for miss in _misses(recording))


def test_a_streamed_brake_is_no_late_command() -> None:
    recording = _recording(last_command_s=0.3)
    streamed = replace(ESTOP, streamed=True)
    assert Outcome(ESTOP, "estop", _measure(recording)).misses
    assert Outcome(streamed, "estop", _measure(recording)).ok
    recording.commands.append((FAULT_S + 0.7, SAFE))
    assert Outcome(streamed, "estop", _measure(recording)).misses[0] == "a command came after 700 ms, budget 560 ms"


def test_commands_of_another_node_are_not_the_graph_s() -> None:
    recording = _recording()
    recording.commands.append((FAULT_S + 1.5, "elsewhere"))
    last_s = measure(recording, FAULT_S, ROBOT, ignored_topic="elsewhere").last_command_s
    assert last_s is None or last_s < 0.02


def test_motion_after_the_stop_is_found() -> None:
    def resumes(time_s: float) -> float:
        return 0.1 if FAULT_S + 1.0 < time_s < FAULT_S + 1.3 else _stopping(time_s)

    [miss] = _misses(_recording(resumes))
    assert miss == "the arm moved after it had stopped, by 30.0 mrad once settled"


def test_a_slow_creep_after_the_stop_is_found() -> None:
    def creeps(time_s: float) -> float:
        return 0.015 if time_s > FAULT_S + 0.2 else _stopping(time_s)

    assert _misses(_recording(creeps))[0].startswith("the arm moved after it had stopped")


@pytest.mark.parametrize(("way_rad", "found"), [(0.003, True), (0.0015, False)])
def test_a_step_of_milliradians_when_a_fault_ends_is_found_though_it_came_with_a_command(
    way_rad: float, found: bool
) -> None:
    recording = _recording(lambda time_s: _stopping(time_s) + (way_rad / 0.2 if 1.2 < time_s - FAULT_S < 1.4 else 0.0))
    recording.ended_s = FAULT_S + 1.1
    recording.commands.append((FAULT_S + 1.2, "controller"))
    measured = _measure(recording)
    assert measured.moved_after_stop is found
    assert measured.moved_rad == pytest.approx(way_rad, abs=1e-4)
    assert measured.standstill_s == pytest.approx(0.2, abs=0.02)


def test_a_jerk_after_the_stop_counts_as_acceleration() -> None:
    jerk = _recording(lambda time_s: 1.5 if 1.2 < time_s - FAULT_S < 1.25 else _stopping(time_s))
    assert _measure(jerk).acceleration_ratio > 1.0


@pytest.mark.parametrize("later_s", [0.0, 0.02])
def test_a_stop_that_is_too_hard_is_found(later_s: float) -> None:
    def slams(time_s: float) -> float:
        return 1.5 if time_s < FAULT_S + later_s else 0.0

    assert _misses(_recording(slams))[0].startswith("acceleration: ")


def test_an_arm_that_never_stands_is_found() -> None:
    assert _misses(_recording(lambda time_s: SPEED_RAD_S)) == ["the arm was not seen to stand still"]


def test_an_arm_that_stands_too_late_is_found() -> None:
    def slow(time_s: float) -> float:
        return SPEED_RAD_S * float(np.clip(1.0 - (time_s - FAULT_S), 0.0, 1.0))

    assert _misses(_recording(slow))[0].startswith("standstill after 9")


def test_another_cause_than_expected_is_found() -> None:
    assert _misses(_recording(), "stale state") == ["cause: expected estop, got stale state"]


def test_a_pause_in_motion_is_no_standstill_while_commands_go_on() -> None:
    def pauses(time_s: float) -> float:
        return 0.0 if FAULT_S + 0.1 < time_s < FAULT_S + 0.3 else _stopping(time_s - 0.5)

    measured = _measure(_recording(pauses, last_command_s=0.5))
    assert measured.standstill_s == pytest.approx(0.7, abs=0.02)


def test_a_process_that_stood_still_does_not_hide_motion_that_it_reports_late() -> None:
    recording = _recording()
    late = [max(at, FAULT_S + 1.0) if at > FAULT_S else at for at in recording.arrived_s]
    recording.arrived_s = late
    assert _measure(recording).standstill_s == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("jump_s", [1.0, -1.0])
def test_a_clock_that_jumps_does_not_change_what_is_measured(jump_s: float) -> None:
    recording = _recording()
    recording.clock_may_jump = True
    recording.stamps_s = [at + (jump_s if at > EPOCH_S + FAULT_S else 0.0) for at in recording.stamps_s]
    measured = _measure(recording)
    assert measured.standstill_s == pytest.approx(0.2, abs=0.02)
    assert measured.acceleration_ratio == pytest.approx(0.25, abs=0.02)


def test_the_report_of_repeats_holds_maxima_and_one_miss_spoils_it() -> None:
    good = Measurement(last_command_s=None, standstill_s=0.2, acceleration_ratio=0.3, moved_after_stop=False)
    bad = replace(good, last_command_s=0.05, standstill_s=0.9)
    entry = worst([Outcome(ESTOP, "estop", each) for each in (good, bad, good)])
    assert (entry["last_command_ms"], entry["standstill_ms"], entry["budget_ms"]) == (50, 900, 560)
    assert not entry["ok"]
    clean = worst([Outcome(ESTOP, "estop", good)])
    assert entry["misses"] == ["standstill after 900 ms, budget 560 ms"]
    assert conclude("droid", "forward", [clean])["ok"]
    corrupted = {"embodiment": "droid", "driver": "forward", "faults": [clean, entry], "ok": False}
    assert conclude("droid", "forward", [clean, entry]) == corrupted


def test_a_graph_that_could_not_be_brought_up_is_no_success() -> None:
    report = conclude("droid", "forward", [], "the graph was not ready after 60 s")
    assert (report["ok"], report["problem"]) == (False, "the graph was not ready after 60 s")


def test_a_single_profile_is_the_report_and_several_are_listed() -> None:
    good, bad = conclude("droid", "a", []), conclude("droid", "b", [], "why")
    assert combine([good]) == good
    assert combine([good, bad]) == {"runs": [good, bad], "ok": False}


def test_a_fault_that_this_computer_does_not_allow_is_listed_with_its_reason() -> None:
    entry = skipped(ESTOP, "no priority")
    assert (entry["name"], entry["skipped"], entry["ok"]) == ("estop", "no priority", True)


def test_a_fault_that_may_be_survived_is_judged_by_what_came_of_it() -> None:
    paused = choose(catalogue(ROBOT), ["safety_paused_250_ms"])[0]
    moving = Measurement(last_command_s=2.4, standstill_s=None, acceleration_ratio=0.3, moved_after_stop=False)
    assert Outcome(paused, "none", moving).ok
    assert worst([Outcome(paused, "none", moving)])["standstill_ms"] is None
    stopped = replace(moving, last_command_s=0.3, standstill_s=0.6)
    assert Outcome(paused, "overloaded", stopped).ok
    assert Outcome(paused, "overloaded", moving).misses[-1] == "the arm was not seen to stand still"
    assert Outcome(paused, "jump", stopped).misses[0].endswith("none (carries on correctly), got jump")


def test_a_fault_that_must_not_stop_anything_is_missed_when_it_does() -> None:
    harmless = choose(catalogue(ROBOT), ["state_reordered"])[0]
    moving = Measurement(last_command_s=2.4, standstill_s=None, acceleration_ratio=0.3, moved_after_stop=False)
    assert Outcome(harmless, "none", moving).ok
    assert Outcome(harmless, "stale state", moving).misses == [
        "cause: expected none (carries on correctly), got stale state"
    ]
    assert not Outcome(harmless, "none", moving, ("safety is not armed any more",)).ok


def test_how_fast_the_arm_was_is_looked_up_by_the_stamp_of_what_was_said() -> None:
    recording = _recording()
    moving, standing = (recording.velocities_at(EPOCH_S + FAULT_S + after_s) for after_s in (0.1, 1.0))
    assert moving is not None
    assert standing is not None
    assert moving[2] == pytest.approx(SPEED_RAD_S / 2, abs=0.05)
    assert standing[2] == 0.0
    assert recording.velocities_at(EPOCH_S + FAULT_S + 10.0) is None
