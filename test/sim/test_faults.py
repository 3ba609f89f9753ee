# SPDX-License-Identifier: Apache-2.0
"""Every kind of fault is read, rejected in one sentence when it is wrong, and done as it says. No ROS."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")

from molmoact2_ros.sim import (
    FaultyCameras,
    FaultyJointStates,
    InjectedFault,
    RenderedFrame,
    SimulatedGroupState,
    SimulationError,
)

ROLES = ("external", "wrist")
MS = 1_000_000
ARM = SimulatedGroupState(
    ("a", "b", "c"), np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]), np.array([7.0, 8.0, 9.0])
)
LATER = SimulatedGroupState(ARM.names, ARM.positions + 1, ARM.velocities, ARM.efforts)


def _parse(text: str) -> InjectedFault:
    return InjectedFault.parse(text, ROLES)


def _frame(role: str, stamp_ms: int) -> RenderedFrame:
    return RenderedFrame(role, stamp_ms * MS, np.full((2, 2, 3), stamp_ms, dtype=np.uint8), 0.001)


def _arrivals(text: str, *frames: RenderedFrame) -> list[tuple[str, str, int, int]]:
    """Return topic's role, camera's role, stamp (ms) and image of what arrives at once."""
    faulty = FaultyCameras(_parse(text), ROLES)
    for frame in frames:
        faulty.take(frame, 0)
    return [(to, frame.role, frame.stamp_ns // MS, int(frame.pixels[0, 0, 0])) for to, frame in faulty.due(0)]


def _said(text: str, *states: SimulatedGroupState) -> list[list[SimulatedGroupState] | None]:
    faulty = FaultyJointStates(_parse(text))
    return [faulty.apply("joint_states", [state]) for state in states]


def _value_of(state: SimulatedGroupState) -> dict[str, tuple[float, float, float]]:
    rows = zip(state.names, state.positions, state.velocities, state.efforts, strict=True)
    return {name: tuple(numbers) for name, *numbers in rows}


def test_kinds_are_read_with_what_follows_them() -> None:
    assert _parse("") == _parse("  ") == InjectedFault()
    assert _parse("camera_dead wrist") == InjectedFault("camera_dead", role="wrist")
    assert _parse("camera_delayed external 0.5") == InjectedFault("camera_delayed", role="external", seconds=0.5)
    assert _parse("robot_fault user_stop") == InjectedFault("robot_fault", fault="user_stop")
    assert _parse("clock_jump -1") == InjectedFault("clock_jump", seconds=-1.0)
    assert _parse("state_velocities 57.3") == InjectedFault("state_velocities", factor=57.3)
    assert _parse("state_offset a 0.5 0") == InjectedFault("state_offset", joint="a", offset=0.5, factor=0.0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("camera_ded wrist", "expected nothing, or one of camera_dead ROLE, camera_frozen_stamp ROLE,"),
        ("camera_dead", "expected 'camera_dead ROLE', got 'camera_dead'"),
        ("state_nan 3", "expected 'state_nan', got 'state_nan 3'"),
        ("camera_dead left", "expected a camera among external, wrist, got 'left'"),
        ("camera_delayed wrist -1", "expected seconds, a number from 0; got '-1'"),
        ("clock_jump nan", "expected seconds, a number; got 'nan'"),
        ("state_velocities fast", "expected a factor, a number; got 'fast'"),
        ("state_offset a b 1", "expected an offset, a number; got 'b'"),
        ("robot_fault tired", "expected a fault among reflex, user_stop, error, got 'tired'"),
    ],
)
def test_a_wrong_text_is_refused_with_what_is_known(text: str, sentence: str) -> None:
    with pytest.raises(SimulationError) as error:
        _parse(text)
    assert sentence in str(error.value)


def test_two_cameras_of_a_robot_with_one_cannot_be_swapped() -> None:
    with pytest.raises(SimulationError, match="takes two cameras, this robot has 1"):
        InjectedFault.parse("cameras_swapped", ("only",))


def test_behaving_cameras_and_drivers_are_passed_on_as_they_are() -> None:
    assert _arrivals("", _frame("external", 5), _frame("wrist", 6)) == [
        ("external", "external", 5, 5),
        ("wrist", "wrist", 6, 6),
    ]
    assert _said("", ARM) == [[ARM]]


def test_a_dead_camera_is_silent_and_the_other_is_not() -> None:
    assert _arrivals("camera_dead wrist", _frame("external", 5), _frame("wrist", 6)) == [("external", "external", 5, 5)]


def test_a_frozen_camera_repeats_its_image_with_or_without_its_stamp() -> None:
    frames = _frame("wrist", 5), _frame("wrist", 6)
    assert [arrival[2:] for arrival in _arrivals("camera_frozen_stamp wrist", *frames)] == [(5, 5), (5, 5)]
    assert [arrival[2:] for arrival in _arrivals("camera_frozen_content wrist", *frames)] == [(5, 5), (6, 5)]


def test_a_black_camera_goes_on_with_true_stamps() -> None:
    frames = _frame("wrist", 5), _frame("wrist", 6)
    assert [arrival[2:] for arrival in _arrivals("camera_black wrist", *frames)] == [(5, 0), (6, 0)]
    assert frames[0].pixels.max() == 5  # the renderer's own is untouched


def test_a_delayed_camera_is_late_by_as_much_with_its_true_stamp() -> None:
    faulty = FaultyCameras(_parse("camera_delayed wrist 0.5"), ROLES)
    faulty.take(_frame("wrist", 5), 100 * MS)
    faulty.take(_frame("external", 6), 100 * MS)
    assert [role for role, _ in faulty.due(100 * MS)] == ["external"]
    assert faulty.due(599 * MS) == []
    [(role, frame)] = faulty.due(600 * MS)
    assert (role, frame.stamp_ns) == ("wrist", 5 * MS)
    assert faulty.due(10_000 * MS) == []


def test_swapped_cameras_are_on_each_others_topic_and_keep_their_own_name() -> None:
    assert _arrivals("cameras_swapped", _frame("external", 5), _frame("wrist", 6)) == [
        ("wrist", "external", 5, 5),
        ("external", "wrist", 6, 6),
    ]


def test_a_dead_driver_says_nothing_and_a_frozen_one_repeats_itself() -> None:
    assert _said("state_dead", ARM) == [None]
    assert _said("state_frozen", ARM, LATER) == [[ARM], [ARM]]


def test_a_reordered_state_has_the_right_value_at_each_name() -> None:
    [[state]] = _said("state_reordered", ARM)
    assert state.names != ARM.names
    assert _value_of(state) == _value_of(ARM)


def test_a_corrupted_state_has_nan_or_a_joint_less_and_leaves_the_rest() -> None:
    [[with_nan]], [[short]] = _said("state_nan", ARM), _said("state_missing", ARM)
    assert np.isnan(with_nan.positions[0])
    assert list(with_nan.positions[1:]) == [2.0, 3.0]
    assert list(ARM.positions) == [1.0, 2.0, 3.0]  # the simulation's own is untouched
    assert _value_of(short) == {name: value for name, value in _value_of(ARM).items() if name != "c"}


def test_velocities_are_scaled_or_left_out_and_positions_stay() -> None:
    [[scaled]], [[none]] = _said("state_velocities 10", ARM), _said("state_without_velocities", ARM)
    np.testing.assert_array_equal(scaled.velocities, ARM.velocities * 10)
    assert none.velocities.size == 0
    for state in (scaled, none):
        np.testing.assert_array_equal(state.positions, ARM.positions)


def test_an_offset_moves_one_joint_and_scales_all_velocities() -> None:
    [[state]] = _said("state_offset b 0.5 2", ARM)
    assert list(state.positions) == [1.0, 2.5, 3.0]
    np.testing.assert_array_equal(state.velocities, ARM.velocities * 2)


def test_joints_are_added_to_what_a_topic_reports() -> None:
    [twice], [more] = _said("state_duplicate", ARM), _said("state_extra", ARM)
    assert [name for state in twice for name in state.names] == ["a", "b", "c", "a"]
    assert more[0] is ARM
    assert np.isnan(more[1].positions).sum() == 1
