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

from .checkpoint_files import require_field
from .errors import ProcessingError

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

_MIN_SPAN = np.float32(1e-6)
_BOUND_KEYS = {"min_max": ("min", "max"), "q01_q99": ("q01", "q99"), "q10_q90": ("q10", "q90")}
MODES = ("none", "mean_std", *_BOUND_KEYS)


@dataclass(frozen=True, eq=False)
class Normalizer:
    """Statistics of one vector of `D` dimensions.

    Attributes:
        names: name of every dimension.
        low: float32 [D], the value that maps to -1.
        high: float32 [D], the value that maps to +1.
        mask: bool [D]; where false the value passes as it is (a gripper that is already 0 to 1).
        constant: bool [D]; where true the statistics saw a single value and the normalised value is 0.
        bounded: whether values beyond `low` and `high` are cut off, in both directions.
    """

    names: tuple[str, ...]
    low: FloatArray
    high: FloatArray
    mask: BoolArray
    constant: BoolArray
    bounded: bool

    @classmethod
    def from_stats(cls, stats: dict[str, Any], mode: str, where: str) -> Normalizer:
        """Read the statistics of one vector as `norm_stats.json` stores them.

        Args:
            stats: lists of length D by key.
            mode: the file's `norm_mode`.
            where: file and section, for errors.

        Raises:
            ProcessingError: the mode is unknown, a list is missing, has another length or is not finite.
        """
        low, high = _bounds(stats, mode, where)
        names = tuple(stats.get("names") or (f"dim_{index}" for index in range(len(low))))
        mask = np.asarray(stats.get("mask") or [True] * len(low), dtype=bool)
        if mode == "none":
            mask = np.zeros_like(mask)
        constant = np.zeros(len(low), dtype=bool)
        if mode in _BOUND_KEYS and "min" in stats and "max" in stats:
            constant = _vector(stats, "min", where) == _vector(stats, "max", where)
        lengths = {len(names), len(mask), len(low), len(high), len(constant)}
        if len(lengths) != 1:
            raise ProcessingError(f"{where} mixes vectors of {sorted(lengths)} dimensions; all must have one length.")
        return cls(names, low, high, mask, constant, bounded=mode in _BOUND_KEYS)

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
        return np.where(self.mask, (values + 1) * (self.high - self.low) / 2 + self.low, values)

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
        low_key, high_key = _BOUND_KEYS[mode]
        return _vector(stats, low_key, where), _vector(stats, high_key, where)
    if mode not in MODES:
        raise ProcessingError(f"{where} uses the norm_mode '{mode}'; known modes are {', '.join(MODES)}.")
    mean = _vector(stats, "mean", where)
    std = _vector(stats, "std", where)
    return mean - std, mean + std


def _vector(stats: dict[str, Any], key: str, where: str) -> FloatArray:
    vector = np.asarray(require_field(stats, key, where), dtype=np.float32)
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise ProcessingError(f"{where} field '{key}' must be a list of finite numbers, one per dimension.")
    return vector
