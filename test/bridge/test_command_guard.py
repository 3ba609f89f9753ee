# SPDX-License-Identifier: Apache-2.0
"""Commands pass between seeing safety arm and the first thing that is wrong. No ROS; the test turns both clocks."""

from __future__ import annotations

import re

import numpy as np
import pytest
from fakes.commands import resting_command
from fakes.fake_driver import MS

from molmoact2_ros.bridge import CommandGuard
from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.bridge_state import HoldCause

DROID = Embodiment.load("droid")
TIMEOUT_MS = 300


class _Bridge:
    """A guard, its clock, and the sequence of its commands."""

    def __init__(self):
        self.guard = CommandGuard(
            DROID.joint_names,
            safety_timeout_s=TIMEOUT_MS / 1000,
            max_age_s=0.15,
            max_lead_s=0.1,
            max_position_step=np.full(8, 0.004),
            max_velocity_step=np.full(8, 0.2),
        )
        self.now_ms = 10_000
        self.sequence = 0

    def safety(self, *modes):
        for mode in modes:
            self.guard.on_safety(armed=mode == "armed", steady_ns=self.now_ms * MS)
        return self

    def wait(self, duration_ms, safety=None):
        for _ in range(0, duration_ms, 50):
            self.now_ms += 50
            self.guard.runs(self.now_ms * MS)
            if safety:
                self.safety(safety)
            self.guard.watch_safety(self.now_ms * MS)
        return self

    def command(self, age_ms=0, **changes):
        self.sequence += 1
        command = resting_command(DROID, (self.now_ms - age_ms) * MS, self.sequence, **changes)
        return self.guard.admit(command, self.now_ms * MS, self.now_ms * MS)

    @property
    def cause(self):
        return self.guard.hold.cause if self.guard.hold else HoldCause.NONE


def _armed():
    return _Bridge().safety("disarmed", "armed")


def test_commands_pass_after_safety_was_seen_to_arm():
    bridge = _armed()
    assert bridge.command().sequence == 1
    assert bridge.guard.hold is None


def test_columns_are_brought_into_our_order_by_name():
    bridge, plain = _armed(), resting_command(DROID, 0)
    turned = {"names": DROID.joint_names[::-1], "positions": plain.positions[:, ::-1], "velocities": plain.velocities}
    np.testing.assert_array_equal(bridge.command(**turned).positions, plain.positions)


@pytest.mark.parametrize("modes", [(), ("disarmed",), ("disarmed", "armed", "stopping")])
def test_nothing_passes_while_safety_is_not_armed(modes):
    bridge = _Bridge().safety(*modes)
    assert bridge.command() is None
    assert bridge.cause in (HoldCause.SAFETY_NOT_ARMED, HoldCause.SAFETY_SILENT)


def test_a_bridge_that_starts_under_an_armed_safety_lets_nothing_through():
    bridge = _Bridge().safety("armed", "armed")
    assert bridge.command() is None
    assert bridge.cause is HoldCause.SAFETY_NOT_ARMED
    assert "stop, reset and arm safety" in bridge.guard.hold.text


def test_silence_of_safety_stops_forwarding_and_says_for_how_long():
    bridge = _armed()
    bridge.command()
    bridge.wait(350)
    assert bridge.command() is None
    assert bridge.cause is HoldCause.SAFETY_SILENT
    assert "silent for 0.35 s, time-out 0.30 s" in bridge.guard.hold.text


def test_a_command_that_comes_first_after_the_silence_is_refused_without_any_timer():
    bridge = _armed()
    bridge.now_ms += TIMEOUT_MS + 1
    assert bridge.command() is None


def test_motion_does_not_resume_when_a_silent_safety_speaks_again_armed():
    bridge = _armed().wait(400).wait(2000, "armed")
    assert bridge.command() is None
    assert bridge.cause is HoldCause.SAFETY_SILENT


def test_motion_resumes_after_safety_was_disarmed_and_armed_again():
    bridge = _armed().wait(400).safety("disarmed", "armed")
    assert bridge.command() is not None
    assert bridge.guard.hold is None


def test_a_safety_that_was_armed_during_its_silence_must_be_armed_again():
    bridge = _Bridge().safety("disarmed").wait(400).safety("armed")
    assert bridge.command() is None


def test_safety_that_was_never_received_is_a_hold_of_its_own():
    bridge = _Bridge().wait(50)
    assert bridge.cause is HoldCause.SAFETY_SILENT
    assert "start safety" in bridge.guard.hold.text


def test_a_hold_fades_under_a_disarmed_safety_but_not_in_a_flood_of_commands():
    bridge = _Bridge().safety("disarmed")
    for _ in range(20):
        bridge.command()
        bridge.wait(50, "disarmed")
    assert bridge.cause is HoldCause.SAFETY_NOT_ARMED
    bridge.wait(600, "disarmed")
    assert bridge.cause is HoldCause.NONE


def _broken(values, at):
    values = values.copy()
    values[at] = np.nan
    return values


PLAIN = resting_command(DROID, 0)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"names": (*DROID.joint_names[:7], "finger")}, "expected the joints joint1, .* once each, got .*finger"),
        ({"names": (*DROID.joint_names[:7], "joint7")}, "once each, got .*joint7, joint7"),
        ({"positions": PLAIN.positions.ravel()}, "2 to 2500 points x 8 joints"),
        ({"positions": PLAIN.positions[:1], "velocities": PLAIN.velocities[:1]}, "2 to 2500 points"),
        ({"positions": np.zeros((10_000, 8)), "velocities": np.zeros((10_000, 8))}, "2 to 2500 points"),
        ({"names": ("joint",) * 10**5}, "and 99976 more"),
        ({"velocities": PLAIN.velocities[1:]}, "expected positions and velocities of"),
        ({"positions": _broken(PLAIN.positions, (2, 3))}, "expected finite numbers"),
        ({"velocities": _broken(PLAIN.velocities, (5, 0))}, "expected finite numbers"),
        ({"step_s": 0.0}, "expected a step above 0 s"),
        ({"step_s": float("nan")}, "expected a step above 0 s"),
        ({"motion_points": 0}, "expected 1 to 6 motion points, got 0"),
        ({"velocities": np.full((6, 8), 0.01)}, "expected a trajectory that ends at rest"),
    ],
)
def test_an_invalid_command_ends_the_permit(changes, sentence):
    bridge = _armed()
    assert bridge.command(**changes) is None
    assert bridge.cause is HoldCause.COMMAND_INVALID
    assert re.search(sentence, bridge.guard.hold.text)
    assert bridge.command() is None, "a later good command must not revive motion"


@pytest.mark.parametrize("sequence", [5, 4])
def test_a_sequence_that_does_not_increase_is_invalid(sequence):
    bridge = _armed()
    bridge.sequence = 4
    assert bridge.command() is not None
    bridge.safety("armed").sequence = sequence - 1
    assert bridge.command() is None
    assert "expected a sequence above 5" in bridge.guard.hold.text


def test_arming_again_accepts_the_first_sequence_of_a_restarted_interpolator():
    bridge = _armed()
    bridge.sequence = 500
    bridge.command()
    bridge.safety("disarmed", "armed")
    bridge.sequence = 0
    assert bridge.command().sequence == 1


@pytest.mark.parametrize(("age_ms", "sentence"), [(200, "start is 0.200 s past"), (-200, "start is 0.200 s ahead")])
def test_a_command_out_of_its_time_ends_the_permit(age_ms, sentence):
    bridge = _armed()
    assert bridge.command(age_ms=age_ms) is None
    assert bridge.cause is HoldCause.COMMAND_OLD
    assert sentence in bridge.guard.hold.text
    assert bridge.command() is None


def test_the_first_cause_of_a_hold_is_kept():
    bridge = _armed()
    bridge.command(age_ms=200)
    bridge.guard.withdraw(HoldCause.DRIVER_STATE, "later", bridge.now_ms * MS)
    assert bridge.cause is HoldCause.COMMAND_OLD


def test_a_withdrawn_permit_needs_a_new_arming():
    bridge = _armed()
    bridge.guard.withdraw(HoldCause.SECOND_PUBLISHER, "another node", bridge.now_ms * MS)
    assert bridge.safety("armed").command() is None
    assert bridge.safety("disarmed", "armed").command() is not None


def _moving(point=0, rests=False):
    """One motion at 0.5 rad/s, joined `point` periods into it, that ends after three more; or at rest there."""
    periods = np.minimum(np.arange(6), 0 if rests else 3)[:, None]
    velocities = np.where(np.arange(6)[:, None] <= (-1 if rests else 3), 0.5, 0.0) * np.ones(8)
    return {"positions": DROID.pose("home") + 0.01 * (point + periods), "velocities": velocities}


@pytest.mark.parametrize("periods", [1, 1.5, 2, 3])
def test_a_command_within_the_motion_of_the_one_before_continues_it(periods):
    bridge = _armed()
    assert bridge.command(**_moving()) is not None
    bridge.now_ms += round(20 * periods)
    assert bridge.command(**_moving(point=periods)) is not None


def test_a_command_that_comes_when_the_one_before_has_ended_continues_it_no_more():
    bridge = _armed()
    bridge.command(**_moving())
    bridge.now_ms += 120
    assert bridge.command(age_ms=100, **_moving(point=1)) is None
    assert bridge.cause is HoldCause.COMMAND_OLD


def test_a_command_that_goes_on_as_if_lost_ones_had_come_would_make_the_robot_jump():
    bridge = _armed()
    bridge.command(**_moving())
    bridge.now_ms += 120
    assert bridge.command(**_moving(point=6)) is None
    assert bridge.cause is HoldCause.COMMAND_OLD
    assert "would jump: the last command forwarded is command 1, 0.12 s before it" in bridge.guard.hold.text


def test_a_command_that_begins_where_the_robot_has_braked_passes_after_any_gap():
    bridge = _armed()
    bridge.command(**_moving())
    bridge.now_ms += 120
    assert bridge.command(**_moving(point=3, rests=True)) is not None


def test_the_first_command_after_arming_continues_nothing():
    bridge = _armed()
    bridge.command()
    bridge.safety("disarmed", "armed")
    moved = DROID.pose("home") + np.full((6, 8), 0.5)
    assert bridge.command(positions=moved) is not None


def _running():
    bridge = _armed()
    bridge.guard.runs(bridge.now_ms * MS)
    assert bridge.command() is not None
    return bridge


def _held_up(bridge, duration_ms):
    """Let the process not run for a while."""
    bridge.now_ms += duration_ms
    bridge.guard.runs(bridge.now_ms * MS)
    return bridge


def test_a_bridge_that_did_not_run_longer_than_safety_may_be_silent_blames_itself_and_lets_nothing_through():
    bridge = _held_up(_running(), 1500)
    assert bridge.command() is None
    assert bridge.cause is HoldCause.OVERLOADED
    assert "the bridge did not run for 1.50 s" in bridge.guard.hold.text
    assert bridge.safety("armed").command() is None


def test_the_time_in_which_the_bridge_did_not_run_is_no_silence_of_safety():
    bridge = _held_up(_running().wait(150), 200)
    bridge.guard.watch_safety(bridge.now_ms * MS)
    assert bridge.guard.permits
    bridge.wait(200)
    assert bridge.cause is HoldCause.SAFETY_SILENT


def test_a_command_that_no_longer_continues_the_motion_after_a_pause_of_the_bridge_names_the_pause():
    bridge = _held_up(_running(), 120)
    assert bridge.command(positions=resting_command(DROID, 0).positions + 0.1) is None
    assert bridge.cause is HoldCause.OVERLOADED
    assert "did not run for 0.12 s" in bridge.guard.hold.text
    assert "would jump" in bridge.guard.hold.text


def test_messages_that_wait_behind_a_pause_are_received_before_anything_is_called_old():
    bridge = _held_up(_running(), 120)
    assert bridge.guard.catching_up(bridge.now_ms * MS)
    assert not bridge.guard.catching_up((bridge.now_ms + 60) * MS)


def test_a_pause_of_the_bridge_does_not_lengthen_the_silence_that_safety_may_keep_afterwards():
    bridge = _running().wait(50, "armed")
    bridge.now_ms += 250
    bridge.safety("armed")  # received before the pause is noted
    bridge.guard.runs(bridge.now_ms * MS)
    bridge.wait(350)
    assert bridge.cause is HoldCause.SAFETY_SILENT
