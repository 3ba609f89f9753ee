# SPDX-License-Identifier: Apache-2.0
"""Rhythm and stamps of one input: what is slow, lossy, late, ahead, frozen or simulated is distinguished."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.recorded_drivers import S, arrivals

from molmoact2_ros.doctor.check import Check
from molmoact2_ros.doctor.evidence import Arrivals
from molmoact2_ros.doctor.topic_checks import check_clock, check_rate

BUDGET_S = 0.1


def _rate(received: Arrivals) -> Check:
    return check_rate("rate", received, wanted_hz=50.0, budget_s=BUDGET_S, source="the driver")


def _clock(received: Arrivals) -> Check:
    return check_clock("clock", received, BUDGET_S)


def test_the_rate_is_measured() -> None:
    assert arrivals(100.0).rate_hz == pytest.approx(100.0, rel=0.01)
    assert arrivals(15.0).largest_gap_s == pytest.approx(1 / 15, rel=0.05)


@pytest.mark.parametrize(
    ("received", "status", "words"),
    [
        (arrivals(100.0), "ok", "100.0 Hz, largest gap 0.010 s, none missing"),
        (arrivals(47.0), "ok", "47.0 Hz"),
        (arrivals(30.0), "warning", "30.0 Hz"),
        (arrivals(9.0), "failed", "9.0 Hz"),
        (arrivals(0.1), "failed", "one message only"),
        (arrivals(100.0, lost=range(100, 160)), "warning", "largest gap 0.610 s, 60 missing by their stamps"),
        (arrivals(100.0, lost=range(100, 112)), "warning", "largest gap 0.130 s, 12 missing by their stamps"),
        (arrivals(100.0, lost=range(100, 103)), "ok", "3 missing by their stamps"),
        (arrivals(100.0, end_s=3.0), "warning", "largest gap 2.010 s"),
    ],
)
def test_a_rhythm_is_judged_by_rate_gap_and_loss(received: Arrivals, status: str, words: str) -> None:
    check = _rate(received)
    assert (check.status, words in check.found) == (status, True), check


def test_a_driver_whose_messages_get_lost_is_advised_on_the_transport() -> None:
    assert "Fast DDS profile" in _rate(arrivals(100.0, lost=range(0, 500, 4))).remedy


@pytest.mark.parametrize(
    ("received", "status", "found", "remedy"),
    [
        (arrivals(100.0), "ok", "stamps 5 ms before arrival", ""),
        (arrivals(100.0, age_s=-2.5), "failed", "2.50 s ahead of this machine's", "chrony"),
        (arrivals(100.0, age_s=3600.0), "failed", "3600.00 s behind this machine's", "chrony"),
        (arrivals(100.0, age_s=np.linspace(0.2, 4.0, 500)), "failed", "0.20 to 4.00 s before arrival", "queue"),
        (arrivals(100.0, age_s=np.linspace(0.0, 0.3, 500)), "warning", "at most 300 ms", "load"),
    ],
)
def test_stamps_are_judged_by_their_age_at_arrival(received: Arrivals, status: str, found: str, remedy: str) -> None:
    check = _clock(received)
    assert (check.status, found in check.found) == (status, True), check
    assert remedy in check.remedy


def test_stamps_of_a_simulated_clock_are_distinguished_from_a_clock_that_is_off() -> None:
    received = arrivals(100.0)
    check = _clock(replace(received, stamps_ns=received.stamps_ns - received.stamps_ns[0] + 20 * S))
    assert check.found.startswith("stamped by another clock (2")
    assert "realsense2_camera turn on global time" in check.remedy
    assert "use_sim_time" in check.remedy


def test_messages_without_a_stamp_fail() -> None:
    received = arrivals(100.0)
    assert _clock(replace(received, stamps_ns=np.zeros_like(received.stamps_ns))).found == "expected a stamp, got 0"


def test_a_stray_stamp_is_a_warning_and_no_hour_of_losses() -> None:
    received = arrivals(100.0)
    stray = received.stamps_ns.copy()
    stray[100] += 900 * S
    assert _rate(replace(received, stamps_ns=stray)).status == "ok"
    check = _clock(replace(received, stamps_ns=stray))
    assert check.status == "warning"
    assert "1 of 500 stamps lie in the future" in check.found


def test_a_driver_that_repeats_its_last_stamp_fails() -> None:
    received = arrivals(100.0)
    check = _clock(replace(received, stamps_ns=np.full_like(received.stamps_ns, received.stamps_ns[-1])))
    assert check.found == "499 of 500 messages repeat a stamp"
