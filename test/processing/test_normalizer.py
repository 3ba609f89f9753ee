# SPDX-License-Identifier: Apache-2.0
"""Pins what is cut off, what passes and what is refused on the way into the network and back."""

import numpy as np
import pytest

from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.processing.normalizer import Normalizer


def _stats(**changes: object) -> dict[str, object]:
    stats: dict[str, object] = {
        "min": [-3.0, 0.0],
        "max": [5.0, 1.0],
        "mean": [1.0, 0.5],
        "std": [2.0, 0.25],
        "q01": [-2.0, 0.0],
        "q10": [-1.0, 0.1],
        "q90": [3.0, 0.9],
        "q99": [4.0, 1.0],
        "names": ["shoulder", "gripper"],
        "mask": [True, False],
    }
    return {**stats, **changes}


def _normalizer(mode: str = "q01_q99", **changes: object) -> Normalizer:
    return Normalizer.from_stats(_stats(**changes), mode, "stats")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("q01_q99", 0.0), ("q10_q90", 0.0), ("min_max", 0.0), ("mean_std", 0.0), ("none", 1.0)],
)
def test_normalizer_maps_the_middle_of_each_mode(mode: str, expected: float) -> None:
    assert _normalizer(mode).normalize(np.array([1.0, 0.3]))[0] == expected


@pytest.mark.parametrize(("mode", "low", "high"), [("q01_q99", -2, 4), ("q10_q90", -1, 3), ("min_max", -3, 5)])
def test_normalizer_maps_the_bounds_of_each_mode_to_one(mode: str, low: float, high: float) -> None:
    normalizer = _normalizer(mode)
    assert normalizer.normalize(np.array([[low, 0], [high, 0]]))[:, 0].tolist() == [-1, 1]
    assert normalizer.normalize(np.array([[low - 1, 0], [high + 1, 0]]))[:, 0].tolist() == [-1, 1]


@pytest.mark.parametrize("mode", ["q01_q99", "q10_q90", "min_max", "mean_std", "none"])
def test_normalizer_round_trip_returns_values_inside_the_bounds(mode: str) -> None:
    values = np.array([[-0.9, 0.0], [0.3, 0.5], [2.9, 1.0]], dtype=np.float32)
    normalizer = _normalizer(mode)
    np.testing.assert_allclose(normalizer.unnormalize(normalizer.normalize(values)), values, atol=1e-6)


def test_normalizer_leaves_masked_gripper_raw() -> None:
    assert _normalizer().normalize(np.array([1.0, 1.3]))[1] == np.float32(1.3)


def test_unnormalize_cuts_to_one_before_it_scales_and_also_the_masked() -> None:
    assert _normalizer().unnormalize(np.array([1.5, 1.5])).tolist() == [4, 1]


def test_mean_std_cuts_nothing() -> None:
    assert _normalizer("mean_std").normalize(np.array([7.0, 0]))[0] == 3
    assert _normalizer("mean_std").unnormalize(np.array([3.0, 0]))[0] == 7


def test_mean_std_uses_the_formulas_of_the_reference_to_the_bit() -> None:
    mean, std = np.array([100.1, -0.3], np.float32), np.array([0.7, 1e-9], np.float32)
    normalizer = _normalizer("mean_std", mean=mean.tolist(), std=std.tolist(), mask=None)
    x, y = np.array([101.3, 2.0], np.float32), np.array([1.7, -0.9], np.float32)
    np.testing.assert_array_equal(normalizer.normalize(x), (x - mean) / np.maximum(std, np.float32(1e-6)))
    np.testing.assert_array_equal(normalizer.unnormalize(y), y * std + mean)


def test_mean_std_of_a_dimension_that_never_moved_is_the_mean_and_leaves_it_steeply() -> None:
    constant = _normalizer("mean_std", mean=[2.0, 0.0], std=[0.0, 1.0])
    assert constant.normalize(np.array([2.0, 0]))[0] == 0
    assert constant.normalize(np.array([3.0, 0]))[0] == pytest.approx(1e6)
    assert constant.unnormalize(np.array([0.5, 0]))[0] == 2


def test_mode_none_needs_no_statistics_but_gives_the_training_range_where_it_can() -> None:
    by_bounds = _normalizer("none", mean=None, std=None)
    assert (by_bounds.low[0], by_bounds.high[0]) == (-3, 5)
    bare = Normalizer.from_stats({"names": ["shoulder", "gripper"]}, "none", "stats")
    assert bare.normalize(np.array([3.0, -7.0])).tolist() == [3, -7]
    assert bare.unnormalize(np.array([3.0, -7.0])).tolist() == [3, -7]


def test_mode_none_without_anything_is_refused() -> None:
    with pytest.raises(ProcessingError, match="how many dimensions it has cannot be determined"):
        Normalizer.from_stats({}, "none", "stats")


def test_a_dimension_that_never_moved_normalises_to_zero() -> None:
    constant = _normalizer(min=[2.0, 0.0], max=[2.0, 1.0], q01=[2.0, 0.0], q99=[2.0, 1.0])
    assert constant.normalize(np.array([2.5, 0]))[0] == 0
    assert constant.unnormalize(np.array([0.5, 0]))[0] == 2


def test_normalizer_computes_in_float32() -> None:
    assert _normalizer().normalize(np.array([0.1, 0.2])).dtype == np.float32
    assert _normalizer("mean_std").unnormalize(np.array([0.1, 0.2])).dtype == np.float32


def test_normalizer_without_names_and_mask_numbers_its_dimensions() -> None:
    bare = _normalizer(names=None, mask=None)
    assert bare.names == ("dim_0", "dim_1")
    assert bare.mask.all()


def test_normalizer_refuses_a_wrong_number_of_values_and_names_those_it_wants() -> None:
    with pytest.raises(ProcessingError, match=r"2 values \(shoulder, gripper\), got an array of shape \(3,\)"):
        _normalizer().normalize(np.zeros(3))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_normalizer_refuses_a_value_that_is_not_finite_and_names_it(value: float) -> None:
    with pytest.raises(ProcessingError, match="but gripper is NaN or infinite"):
        _normalizer().unnormalize(np.array([[0, 0], [0, value]]))


@pytest.mark.parametrize(
    ("mode", "changes", "message"),
    [
        ("q02_q98", {}, "norm_mode 'q02_q98'"),
        ("q01_q99", {"q99": None}, "stats lacks the field 'q99'"),
        ("q01_q99", {"q99": [1.0]}, "mixes vectors"),
        ("q01_q99", {"names": ["a"]}, "mixes vectors"),
        ("q01_q99", {"max": [1.0, 2.0, 3.0]}, "mixes vectors"),
        ("mean_std", {"std": [1.0, 2.0, 3.0]}, "mixes vectors"),
        ("q01_q99", {"q01": [0.0, float("nan")]}, "'q01' must be a list of finite numbers"),
        ("q01_q99", {"q01": "abc"}, "'q01' must be a list of finite numbers, one per dimension, not 'abc'"),
        ("q01_q99", {"q01": ["a", "b"]}, "'q01' must be a list of finite numbers"),
        ("q01_q99", {"q01": [[1], [1, 2]]}, "'q01' must be a list of finite numbers"),
        ("q01_q99", {"q01": [1e39, 0]}, "'q01' must be a list of finite numbers"),
        ("q01_q99", {"names": 5}, "stats field 'names' must be a list, not 5"),
        ("q01_q99", {"names": [0, 1]}, r"stats field 'names' must be a list, each of it a text, not \[0, 1\]"),
        ("q01_q99", {"mask": ["false", True]}, "stats field 'mask' must be a list, each of it true or false"),
        ("mean_std", {"std": None}, "stats lacks the field 'std'"),
    ],
)
def test_statistics_that_do_not_fit_are_refused(mode: str, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ProcessingError, match=message):
        _normalizer(mode, **changes)


def test_a_negative_deviation_is_refused() -> None:
    with pytest.raises(ProcessingError, match="has zero 0 above std -2 for 'shoulder'"):
        _normalizer("mean_std", std=[-2.0, 0.25])
