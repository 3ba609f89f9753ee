# SPDX-License-Identifier: Apache-2.0
"""E-stops that are pressed and released, each by its own device, and the enabling device."""

from __future__ import annotations

import dataclasses

import pytest

from molmoact2_ros.interfaces.safety_state import Cause, Estop
from molmoact2_ros.safety import Settings
from molmoact2_ros.safety.devices import Devices
from molmoact2_ros.timing import Instant


def _at(seconds: float) -> Instant:
    return Instant(round(seconds * 1e9), round(seconds * 1e9))


def _devices(required: bool = True) -> Devices:
    return Devices(dataclasses.replace(Settings(), enabling_device_required=required, enabling_device_timeout_s=0.3))


def test_an_estop_stays_pressed_until_its_own_device_releases_it() -> None:
    devices = _devices()
    verdict = devices.on_estop(True, Estop.TOPIC, _at(0))
    assert verdict is not None
    assert (verdict.cause, verdict.text) == (Cause.ESTOP, "the estop topic said true")
    devices.on_estop(False, Estop.SERVICE, _at(0))
    assert devices.releases(_at(1)) == ["the estop topic still says true: release it"]
    devices.on_estop(True, Estop.SERVICE, _at(0))
    devices.on_estop(False, Estop.TOPIC, _at(0))
    assert devices.releases(_at(1)) == ["~/estop was called with true: call it with false"]
    assert devices.on_estop(False, Estop.SERVICE, _at(0)) is None
    assert devices.releases(_at(1)) == []


@pytest.mark.parametrize(
    ("held", "received_s", "words"),
    [
        (True, 0.0, ""),
        (True, -0.29, ""),
        (True, -0.31, "enabling_device last came 0.310 s ago, at most 0.3 s is allowed"),
        (False, 0.0, "is not held"),
        (None, 0.0, "has not come at all"),
    ],
)
def test_an_enabling_device_must_be_held_and_say_so_all_the_time(
    held: bool | None, received_s: float, words: str
) -> None:
    devices = _devices()
    if held is not None:
        devices.on_enabling_device(held, _at(10 + received_s))
    verdict = devices.check_enabling_device(_at(10))
    assert (verdict.text if verdict else "").endswith(words) or words in verdict.text
    assert verdict is None or (verdict.cause is Cause.ENABLING_DEVICE and words)


@pytest.mark.parametrize("held", [True, False])
def test_an_enabling_device_that_is_not_required_changes_nothing(held: bool) -> None:
    devices = _devices(required=False)
    devices.on_enabling_device(held, _at(0))
    assert devices.check_enabling_device(_at(100)) is None


def test_an_estop_that_is_not_received_is_a_reason_to_stop_and_to_stay_stopped() -> None:
    devices = _devices(required=False)
    assert devices.check_estops() is None
    devices.unreceived = ["'/estop' is published by box as std_msgs/msg/Int8: its messages are not received"]
    verdict = devices.check_estops()
    assert verdict is not None
    assert (verdict.cause, verdict.text) == (Cause.ESTOP, devices.unreceived[0])
    assert devices.releases(_at(1)) == devices.unreceived


def test_an_estop_that_bounces_is_not_released_before_it_has_been_quiet_for_a_while() -> None:
    devices = _devices(required=False)
    for tick in range(10):
        devices.on_estop(tick % 2 == 0, Estop.TOPIC, _at(0.01 * tick))
    assert devices.pressed is Estop.NONE
    assert devices.releases(_at(0.3)) == ["the estop topic said true 0.2 s ago: it must stay released for 0.5 s"]
    assert devices.releases(_at(0.6)) == []
