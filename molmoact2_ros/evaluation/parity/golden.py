# SPDX-License-Identifier: Apache-2.0
"""Stored outputs of the reference implementation: reading them, and how close is close enough."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Absolute where a seam's rms is up to 1, relative to it above: the kernels of two CPUs differ by rounding, which grows
# with the numbers.
FP32_SEAM = 1e-4
FP32_ACTION_OF_RANGE = 1e-5
# A chunk of one or two rows has no range, but the tag's training range says what the numbers are worth.
FP32_ACTION_OF_TRAINING_RANGE = 1e-6
# A constant dimension has neither: this many float32 steps of its largest value are rounding, not error.
FP32_ACTION_STEPS = 4
# In bfloat16, single numbers stray far with the order in which a CPU's kernels add; their rms does not. The bound on
# the largest error catches the single number that is plainly wrong.
BF16_SEAM_RMS_OF_RMS = 0.03
# The image transformer is the deepest stage: 25 layers on 729 patches differ by 3.2 % between kernels of one machine.
BF16_VISUAL_RMS_OF_RMS = 0.04
BF16_SEAM_MAX_OF_RMS = 1.0
BF16_ACTION_OF_RANGE = 0.02
BF16_ACTION = 0.02
# The reference rounds the un-normalised actions to bfloat16: half a step of its 8 significant bits.
BF16_ACTION_OF_VALUE = 2**-8

# Zeros and the dtype's lowest number: nothing rounds, and the rms is huge.
MASK_SEAM = "prefill_bias"

NUMBER_KINDS = "fiub"  # numpy's letters: floating point, integer, unsigned, boolean

REQUIRED_KEYS = ("raw_image_0", "raw_state", "raw_task", "raw_norm_tag", "in_input_ids")
REQUIRED_OF_FLOW = ("actions", "noise", "step_x", "step_v")
REQUIRED_BY_KIND = {
    "continuous": REQUIRED_OF_FLOW,
    "discrete": ("actions", "generated"),
    "depth": (
        *(f"{frame}_{key}" for frame in ("a", "b") for key in (*REQUIRED_OF_FLOW, "depth", "gen")),
        "b_mask",
    ),
}
# Keys of a depth golden without a frame's letter: raw inputs that both frames have in common, and what the processor
# made of those of the second frame, which the reference run wrote over the first's.
SHARED = ("raw_", "in_", "prompt")

# Axes of what the stages index; the batch is 1.
AXES = {
    "in_input_ids": ("1", "tokens"),
    "generated": ("1", "tokens"),
    "depth": ("1", "tokens"),
    "gen": ("1", "tokens"),
    "noise": ("1", "steps", "numbers"),
    "actions": ("1", "steps", "numbers"),
    "step_x": ("Euler steps", "1", "steps", "numbers"),
    "step_v": ("Euler steps", "1", "steps", "numbers"),
}


class GoldenError(ValueError):
    """A file that is not a golden, or one of a kind that cannot be compared."""


@dataclass(frozen=True)
class Difference:
    """How far one seam is from the reference.

    Attributes:
        max_abs: largest absolute difference; for integers, booleans and text the number of mismatches; None where
            there is nothing to compare, because shapes differ or a value is not a number.
        ok: whether that is within tolerance.
    """

    max_abs: float | None
    ok: bool


@dataclass(frozen=True)
class Golden:
    """One file of reference outputs.

    Attributes:
        kind: "continuous", "discrete" or "depth".
        arrays: everything in the file; for one frame of a depth golden, everything of that frame without its letter.
        frame: the letter and its underscore, for one frame of a depth golden.
    """

    kind: str
    arrays: dict[str, Array]
    frame: str = ""

    @classmethod
    def load(cls, path: str | Path) -> Golden:
        """Read an .npz file.

        Raises:
            GoldenError: if the file is no .npz, is of the training kind, lacks what its kind must have, or holds it in
                another shape or type.
        """
        arrays = _read_npz(Path(path))
        kind = _kind(arrays, path)
        missing = [key for key in REQUIRED_KEYS + REQUIRED_BY_KIND[kind] if key not in arrays]
        if missing:
            raise GoldenError(f"{path} is not a {kind} golden: it lacks {', '.join(missing)}")
        _check_images(arrays, path)
        golden = cls(kind, arrays)
        for frame in golden.frames:
            for key in [key for key in AXES if key in frame.arrays]:
                _check_axes(key, frame.arrays[key], path)
        return golden

    @property
    def frames(self) -> list[Golden]:
        """What is compared one after the other: the file, or the two frames of depth reasoning.

        The second frame also has the map of the first, `raw_draft`, and its first image, `raw_previous_image`.
        """
        if self.kind != "depth":
            return [self]
        first, second = (
            {key.removeprefix(frame): array for key, array in self.arrays.items() if key.startswith(frame)}
            for frame in ("a_", "b_")
        )
        inputs = {key: array for key, array in self.arrays.items() if key.startswith("raw_")}
        before = {"raw_draft": first["depth"], "raw_previous_image": inputs["raw_image_0"]}
        shared = {key: array for key, array in self.arrays.items() if key.startswith(SHARED)}
        return [Golden("depth", inputs | first, "a_"), Golden("depth", shared | before | second, "b_")]

    def name(self, key: str) -> str:
        """Return the key in the file."""
        return key if key.startswith(SHARED) else f"{self.frame}{key}"

    @property
    def images(self) -> list[Array]:
        """The camera images, in order."""
        return [self.arrays[key] for key in _image_keys(self.arrays)]

    @property
    def norm_tag(self) -> str:
        """Which robot."""
        return str(self.arrays["raw_norm_tag"])

    @property
    def seams(self) -> list[str]:
        """Keys of the file that are to be compared, in its order."""
        return [key for key in self.arrays if not key.startswith("raw_") and key != "noise"]


def compare(key: str, found: Array, wanted: Array, dtype: str, training_range: Array | float = 0.0) -> Difference:
    """Compare one seam.

    Args:
        key: name of the seam; `actions` and the mask have tolerances of their own.
        found: what this package computed.
        wanted: what the reference computed.
        dtype: "float32" or "bfloat16", in which this package computed.
        training_range: of each action number, in policy units; only for `actions`.
    """
    if found.shape != wanted.shape or not _same_sort(found, wanted):
        return Difference(None, ok=False)
    if wanted.dtype.kind != "f":
        mismatches = int(np.count_nonzero(found != wanted))
        return Difference(mismatches, ok=mismatches == 0)
    wanted = wanted.astype(np.float64)
    error = np.abs(found.astype(np.float64) - wanted)
    if not np.isfinite(error).all():
        return Difference(None, ok=False)
    if key == "actions":
        ok = bool((error <= _action_tolerance(wanted, dtype, training_range)).all())
    else:
        ok = _seam_ok(key, error, 0.0 if key == MASK_SEAM else _rms(wanted), dtype)
    return Difference(float(error.max(initial=0.0)), ok)


def _same_sort(found: Array, wanted: Array) -> bool:
    kinds = {found.dtype.kind, wanted.dtype.kind}
    return kinds <= set(NUMBER_KINDS) or len(kinds) == 1


def _seam_ok(key: str, error: NDArray[np.float64], rms: float, dtype: str) -> bool:
    largest = error.max(initial=0.0)
    if dtype == "float32":
        return bool(largest <= FP32_SEAM * max(1.0, rms))
    share = BF16_VISUAL_RMS_OF_RMS if key == "visual" else BF16_SEAM_RMS_OF_RMS
    return bool(_rms(error) <= share * rms and largest <= BF16_SEAM_MAX_OF_RMS * rms)


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0


def _action_tolerance(wanted: NDArray[np.float64], dtype: str, training_range: Array | float) -> NDArray[np.float64]:
    """Return the tolerance of each number; it depends on the dimension, the last axis."""
    dimensions = wanted.reshape(-1, wanted.shape[-1])
    spread = np.ptp(dimensions, axis=0)
    if dtype == "bfloat16":
        return BF16_ACTION_OF_RANGE * spread + BF16_ACTION + BF16_ACTION_OF_VALUE * np.abs(wanted)
    rounding = FP32_ACTION_STEPS * np.spacing(np.abs(dimensions).max(axis=0).astype(np.float32))
    range_share = np.maximum(FP32_ACTION_OF_RANGE * spread, FP32_ACTION_OF_TRAINING_RANGE * np.asarray(training_range))
    return np.maximum(range_share, rounding)


def _image_keys(arrays: dict[str, Array]) -> list[str]:
    """Return the keys that the images must have, by their number."""
    return [f"raw_image_{index}" for index in range(sum(key.startswith("raw_image_") for key in arrays))]


def _check_images(arrays: dict[str, Array], path: str | Path) -> None:
    expected = _image_keys(arrays)
    absent = [key for key in expected if key not in arrays]
    if absent:
        raise GoldenError(f"{path} holds {len(expected)} images numbered from 0, but lacks {', '.join(absent)}")


def _check_axes(key: str, array: Array, path: str | Path) -> None:
    axes = AXES[key]
    kinds = "iu" if axes[-1] == "tokens" else "f"
    fits = array.ndim == len(axes) and all(
        size == 1 if axis == "1" else size for axis, size in zip(axes, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in kinds:
        kind = "integers" if kinds == "iu" else "floating-point numbers"
        raise GoldenError(
            f"{path}: {key} must be {kind} of the shape ({', '.join(axes)}), but is {array.dtype} of {array.shape}"
        )


def _kind(arrays: dict[str, Array], path: str | Path) -> str:
    if "flow_loss" in arrays:
        raise GoldenError(
            f"{path} holds a training step, which this version cannot compare: give a golden of inference"
        )
    if "a_actions" in arrays:
        return "depth"
    return "discrete" if "generated" in arrays else "continuous"


def _read_npz(path: Path) -> dict[str, Array]:
    if path.is_file() and not zipfile.is_zipfile(path):
        raise GoldenError(f"{path} is not a readable .npz file: its content is something else")
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except FileNotFoundError:
        raise GoldenError(f"{path} does not exist") from None
    except (OSError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise GoldenError(f"{path} is not a readable .npz file ({error})") from error
