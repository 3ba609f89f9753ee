# SPDX-License-Identifier: Apache-2.0
"""Map one vector (a state or an action) between robot units and the -1 to 1 of the network.

Source: allenai/molmoact2 modeling code (robot statistics). Arithmetic is float32, in the order used there, because
a state that falls on the other side of a rounding edge becomes another token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.schema import brief

from .checkpoint_files import optional_list, require_field
from .errors import ProcessingError

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_MIN_SPAN = np.float32(1e-6)
_BOUND_KEYS = {"min_max": ("min", "max"), "q01_q99": ("q01", "q99"), "q10_q90": ("q10", "q90")}
MODES = ("none", "mean_std", *_BOUND_KEYS)
# A pair of bounds, each with the value in its middle, best first; a normal distribution has 1 % below 2.33 deviations.
_RANGE_KEYS = (("q01", "q99"), ("q10", "q90"), ("min", "max"))
_DEVIATIONS_OF_1_PERCENT = np.float32(2.33)


@dataclass(frozen=True, eq=False)
class TrainingRange:
    """Where the values of one vector lay in training, float32 [D] each.

    Attributes:
        low: below which there was next to nothing.
        middle: the median, else the mean; None where the file has neither.
        high: above which there was next to nothing.
    """

    low: FloatArray
    middle: FloatArray | None
    high: FloatArray


@dataclass(frozen=True, eq=False)
class Normalizer:
    """Statistics of one vector of `D` dimensions.

    Attributes:
        names: name of every dimension.
        low: float32 [D], the lower end of the training range, which maps to -1.
        high: float32 [D], the upper end of the training range, which maps to +1.
        mask: bool [D]; where false the value passes as it is (a gripper that is already 0 to 1).
        constant: bool [D]; where true the statistics saw a single value and the normalised value is 0.
        bounded: whether values beyond `low` and `high` are cut off, in both directions.
        standard: mean and standard deviation, float32 [D] each, of statistics that are given by them; else None.
        seen: where the training data lay, whatever the mode; None where the file says nothing of it.
    """

    names: tuple[str, ...]
    low: FloatArray
    high: FloatArray
    mask: BoolArray
    constant: BoolArray
    bounded: bool
    standard: tuple[FloatArray, FloatArray] | None = None
    seen: TrainingRange | None = None

    @classmethod
    def from_stats(cls, stats: dict[str, Any], mode: str, where: str) -> Normalizer:
        """Read the statistics of one vector as `norm_stats.json` stores them.

        Args:
            stats: lists of length D by key.
            mode: the file's `norm_mode`.
            where: file and section, for errors.

        Raises:
            ProcessingError: the mode is unknown, a list is missing, has another length or is not finite, or a bound
                lies above its counterpart.
        """
        low, high = _bounds(stats, mode, where)
        names = tuple(optional_list(stats, "names", str, where) or (f"dim_{index}" for index in range(len(low))))
        mask = np.asarray(optional_list(stats, "mask", bool, where) or [True] * len(low))
        if mode == "none":
            mask = np.zeros_like(mask)
        constant = np.zeros(len(low), dtype=bool)
        if mode in _BOUND_KEYS and stats.get("min") is not None and stats.get("max") is not None:
            constant = np.equal(*_pair(stats, "min", "max", where))
        seen = _training_range(stats, where)
        lengths = {len(names), len(mask), len(low), len(high), len(constant), len(seen.low) if seen else len(low)}
        if len(lengths) != 1:
            raise ProcessingError(f"{where} mixes vectors of {sorted(lengths)} dimensions; all must have one length.")
        if mode in _BOUND_KEYS:
            _check_order(names, _BOUND_KEYS[mode], (low, high), where)
        standard = _pair(stats, "mean", "std", where) if mode == "mean_std" else None
        if standard is not None:
            _check_order(names, ("zero", "std"), (np.zeros_like(low), standard[1]), where)
        return cls(names, low, high, mask, constant, bounded=mode in _BOUND_KEYS, standard=standard, seen=seen)

    def normalize(self, x: NDArray[Any]) -> FloatArray:
        """Map robot units to network units.

        Args:
            x: [..., D] in robot units.

        Returns:
            float32 [..., D]; cut to -1 to 1 where `bounded` and `mask`.

        Raises:
            ProcessingError: wrong number of dimensions, or a value that is not finite.
        """
        values = self._checked(x)
        if self.standard:
            mean, deviation = self.standard
            y = (values - mean) / np.maximum(deviation, _MIN_SPAN)
        else:
            y = 2 * (values - self.low) / np.maximum(self.high - self.low, _MIN_SPAN) - 1
        if self.bounded:
            y = np.clip(y, -1, 1)
        y = np.where(self.mask, y, values)
        return np.where(self.constant, np.float32(0), y)

    def unnormalize(self, y: NDArray[Any]) -> FloatArray:
        """Map network units to robot units.

        Args:
            y: [..., D] in network units.

        Returns:
            float32 [..., D]; where `bounded`, `y` is cut to -1 to 1 first, also the dimensions that `mask` lets pass.

        Raises:
            ProcessingError: wrong number of dimensions, or a value that is not finite.
        """
        values = self._checked(y)
        if self.bounded:
            values = np.clip(values, -1, 1)
        if self.standard:
            mean, deviation = self.standard
            x = values * deviation + mean
        else:
            x = (values + 1) * (self.high - self.low) / 2 + self.low
        return np.where(self.mask, x, values)

    def _checked(self, vector: NDArray[Any]) -> FloatArray:
        values = np.asarray(vector, dtype=np.float32)
        if values.ndim == 0 or values.shape[-1] != len(self.names):
            raise ProcessingError(
                f"Expected {len(self.names)} values ({', '.join(self.names)}), got an array of shape {values.shape}."
            )
        if not np.isfinite(values).all():
            columns = np.unique(np.nonzero(~np.isfinite(values))[-1])
            bad = ", ".join(self.names[column] for column in columns)
            raise ProcessingError(f"Values must be finite, but {bad} is NaN or infinite; check the source.")
        return values


def _bounds(stats: dict[str, Any], mode: str, where: str) -> tuple[FloatArray, FloatArray]:
    if mode in _BOUND_KEYS:
        return _pair(stats, *_BOUND_KEYS[mode], where)
    if mode not in MODES:
        raise ProcessingError(f"{where} uses the norm_mode '{mode}'; known modes are {', '.join(MODES)}.")
    if mode == "none":
        return _any_bounds(stats, where)
    mean, deviation = _pair(stats, "mean", "std", where)
    return mean - deviation, mean + deviation


def _check_order(
    names: tuple[str, ...], keys: tuple[str, str], bounds: tuple[FloatArray, FloatArray], where: str
) -> None:
    """Refuse a lower bound above the upper one; quantiles of a constant differ by rounding."""
    low, high = bounds
    for name, below, above in zip(names, low.tolist(), high.tolist(), strict=True):
        if below > above + float(_MIN_SPAN) * max(1.0, abs(above)):
            raise ProcessingError(
                f"{where} has {keys[0]} {below:g} above {keys[1]} {above:g} for {brief(name)}; compute the statistics"
                " of the training data again."
            )


def _training_range(stats: dict[str, Any], where: str) -> TrainingRange | None:
    """Return where the training data lay, by the best that the file has of it."""
    middle = next((_vector(stats, key, where) for key in ("q50", "mean") if stats.get(key) is not None), None)
    for keys in _RANGE_KEYS:
        if all(stats.get(key) is not None for key in keys):
            low, high = _pair(stats, *keys, where)
            break
    else:
        if middle is None or stats.get("std") is None:
            return None
        mean, deviation = _pair(stats, "mean", "std", where)
        low, high = mean - _DEVIATIONS_OF_1_PERCENT * deviation, mean + _DEVIATIONS_OF_1_PERCENT * deviation
    if middle is not None and len(middle) != len(low):
        raise ProcessingError(
            f"{where} mixes vectors of {sorted({len(middle), len(low)})} dimensions; all must have one length."
        )
    return TrainingRange(low, middle, high)


def _any_bounds(stats: dict[str, Any], where: str) -> tuple[FloatArray, FloatArray]:
    """Return the training range from any statistics that give it; nothing is normalised with it."""
    if stats.get("mean") is not None and stats.get("std") is not None:
        return _bounds(stats, "mean_std", where)
    for mode, keys in _BOUND_KEYS.items():
        if all(stats.get(key) is not None for key in keys):
            return _bounds(stats, mode, where)
    width = len(optional_list(stats, "names", str, where) or optional_list(stats, "mask", bool, where))
    if not width:
        raise ProcessingError(
            f"{where} has neither statistics nor names; how many dimensions it has cannot be determined."
        )
    return np.full(width, -1, np.float32), np.full(width, 1, np.float32)


def _pair(stats: dict[str, Any], first: str, second: str, where: str) -> tuple[FloatArray, FloatArray]:
    vectors = _vector(stats, first, where), _vector(stats, second, where)
    lengths = sorted({len(vector) for vector in vectors})
    if len(lengths) > 1:
        raise ProcessingError(f"{where} mixes vectors of {lengths} dimensions; all must have one length.")
    return vectors


def _vector(stats: dict[str, Any], key: str, where: str) -> FloatArray:
    numbers = require_field(stats, key, where)
    if isinstance(numbers, list) and all(_is_float32(number) for number in numbers):
        return np.asarray(numbers, dtype=np.float32)
    raise ProcessingError(
        f"{where} field '{key}' must be a list of finite numbers, one per dimension, not {brief(numbers)}."
    )


def _is_float32(number: object) -> bool:
    return isinstance(number, (int, float)) and not isinstance(number, bool) and abs(number) <= _MAX_FLOAT32
