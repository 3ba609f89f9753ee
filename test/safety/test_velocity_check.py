# SPDX-License-Identifier: Apache-2.0
"""Reported velocities are compared with differences of positions: units, signs and zeros are found in motion."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.interfaces.safety_state import Cause, Verdict
from molmoact2_ros.safety import Limits
from molmoact2_ros.safety.velocity_check import VelocityCheck

LIMITS = Limits.load(Embodiment.load("so101"), 0.03)
JOINTS = len(LIMITS.names)
RATE_HZ = 100
ENCODER_RAD = 2 * np.pi / 4096


def _verdict(
    factor: float, *, speed_rad_s: float = 0.2, seconds: float = 4.0, delay_s: float = 0.0, encoder: bool = True
) -> Verdict | None:
    """Let joint 2 swing at a mean speed; the driver reports velocities times `factor`."""
    check, amplitude = VelocityCheck(LIMITS), 0.3
    rate = speed_rad_s * np.pi / 2 / amplitude
    for tick in range(round(seconds * RATE_HZ)):
        time_s = tick / RATE_HZ
        positions, velocities = np.zeros(JOINTS), np.zeros(JOINTS)
        positions[1] = amplitude * np.sin(rate * time_s)
        if encoder:
            positions = np.round(positions / ENCODER_RAD) * ENCODER_RAD
        velocities[1] = factor * amplitude * rate * np.cos(rate * (time_s - delay_s))
        if verdict := check.check(round(time_s * 1e9), positions, velocities):
            return verdict
    return None


@pytest.mark.parametrize(("delay_s", "encoder"), [(0.0, False), (0.0, True), (0.05, True)])
@pytest.mark.parametrize("speed_rad_s", [0.06, 0.2, 2.0])
def test_true_velocities_pass_through_coarse_encoders_and_filters(
    speed_rad_s: float, delay_s: float, encoder: bool
) -> None:
    assert _verdict(1.0, speed_rad_s=speed_rad_s, delay_s=delay_s, encoder=encoder) is None


@pytest.mark.parametrize("factor", [57.2957795, 1 / 57.2957795, 0.0, -1.0, 0.4, 2.5])
def test_velocities_of_another_unit_or_sign_are_named_with_the_joint_and_the_remedy(factor: float) -> None:
    verdict = _verdict(factor)
    assert verdict is not None
    assert (verdict.cause, verdict.joint) == (Cause.VELOCITY_MISMATCH, LIMITS.names[1])
    assert verdict.value == pytest.approx(factor, abs=0.05 * abs(factor) + 1e-6)
    assert "`velocity: differences`" in verdict.text


def test_a_robot_at_rest_is_not_judged_however_its_encoders_flicker() -> None:
    check, random = VelocityCheck(LIMITS), np.random.default_rng(1)
    for tick in range(20 * RATE_HZ):
        flicker = ENCODER_RAD * random.integers(-1, 2, JOINTS)
        assert check.check(tick * 10**7, flicker, np.zeros(JOINTS)) is None


def test_measurements_that_are_missing_are_not_filled_in() -> None:
    check = VelocityCheck(LIMITS)
    for tick in range(100):  # a step of 0.2 rad in each gap of 0.5 s, at rest between: velocities are rightly zero
        positions = np.full(JOINTS, 0.2 * (tick // 10))
        assert check.check((tick // 10) * 5 * 10**8 + (tick % 10) * 10**7, positions, np.zeros(JOINTS)) is None
