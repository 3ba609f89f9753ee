# SPDX-License-Identifier: Apache-2.0
"""The ensemble is ACT's weighted mean, twice continuously differentiable, and no curve's end is a step."""

from __future__ import annotations

import numpy as np
import pytest

from molmoact2_ros.interpolation.curve import Curve
from molmoact2_ros.interpolation.ensemble import Ensemble

STAMP_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000
FADE_S = 0.3


def _curves(seed: int = 0, count: int = 4) -> list[Curve]:
    """Return chunks of one second, each observed 0.2 s after the one before."""
    random = np.random.default_rng(seed)
    return [Curve(STAMP_NS + 2 * i * STEP_NS, 0.1, random.normal(size=(11, 3)), i + 1) for i in range(count)]


def test_mean_is_that_of_exponential_weights_oldest_first_while_no_chunk_nears_its_end() -> None:
    curves = _curves()
    time_ns = np.array([STAMP_NS + 6 * STEP_NS + 50_000_000])  # the oldest has 0.35 s left
    values = np.stack([curve.at(time_ns).positions[0] for curve in curves])
    weights = np.exp(-0.5 * np.arange(4))
    expected = weights @ values / weights.sum()
    np.testing.assert_allclose(Ensemble(curves, 0.5, FADE_S).at(time_ns).positions[0], expected, atol=1e-12)


def test_a_chunk_alone_is_followed_as_it_is() -> None:
    (curve,) = _curves(count=1)
    times_ns = STAMP_NS + np.arange(11) * STEP_NS
    found, expected = Ensemble([curve], 0.01, FADE_S).at(times_ns), curve.at(times_ns)
    for part in ("positions", "velocities", "accelerations"):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))


def test_it_ends_with_its_newest_chunk_and_on_it() -> None:
    curves = _curves()
    ensemble = Ensemble(curves, 0.01, FADE_S)
    assert (ensemble.sequence, ensemble.start_ns, ensemble.end_ns) == (4, curves[-1].start_ns, curves[-1].end_ns)
    end_ns = np.array([ensemble.end_ns])
    np.testing.assert_allclose(ensemble.at(end_ns).positions, curves[-1].at(end_ns).positions, atol=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_velocity_and_acceleration_are_the_derivatives_of_position_where_chunks_end_too(seed: int) -> None:
    ensemble, h_ns = Ensemble(_curves(seed), 0.2, FADE_S), 10_000
    middle_ns = np.arange(ensemble.start_ns + h_ns, ensemble.end_ns - h_ns, 3_000_000)
    before, middle, after = (ensemble.at(middle_ns + shift) for shift in (-h_ns, 0, h_ns))
    np.testing.assert_allclose((after.positions - before.positions) / 2e-5, middle.velocities, rtol=1e-3, atol=2e-2)
    slope = (after.velocities - before.velocities) / 2e-5
    np.testing.assert_allclose(slope, middle.accelerations, rtol=1e-2, atol=1.0)  # of some 500
