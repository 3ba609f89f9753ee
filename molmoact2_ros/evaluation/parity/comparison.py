# SPDX-License-Identifier: Apache-2.0
"""One checkpoint against one golden file: what is computed, and how far it is off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.processing.processor import Processor

from .golden import Difference, compare
from .stages import Bench, check_fit, run_chain, run_staged

if TYPE_CHECKING:
    from .golden import Array, Golden
    from .stages import Seams


def make_benches(checkpoint: str, golden: Golden, dtype: str) -> list[Bench]:
    """Load the checkpoint once, for every frame of a golden file; raise GoldenError if they do not fit."""
    processor = Processor.load(Path(checkpoint))
    model = load_model(checkpoint, getattr(torch, dtype))
    benches: list[Bench] = [Bench(model, processor, frame) for frame in golden.frames]
    for bench in benches:
        check_fit(bench)
    return benches


def compute(bench: Bench) -> tuple[Seams, Seams]:
    """Return the seams of the staged run and of the chain."""
    with torch.inference_mode():
        chain = run_chain(bench)
        return run_staged(bench, chain), chain


def compare_seam(key: str, found: Seams, bench: Bench, dtype: str) -> Difference:
    """Compare what was computed for one seam with what the reference computed."""
    if key not in found:
        return Difference(None, ok=False)
    golden = bench.golden
    numbers = bench.processor.stats.tag(golden.norm_tag).action
    return compare(key, _to_array(found[key]), golden.arrays[key], dtype, numbers.high - numbers.low)


def _to_array(value: object) -> Array:
    if isinstance(value, torch.Tensor):
        return (value.float() if value.is_floating_point() else value).numpy()
    return np.asarray(value)


def largest_differences(stage: dict[str, Difference], chain: dict[str, Difference]) -> dict[str, float | None]:
    """Return the largest difference of each seam; None where it cannot be compared."""
    figures = {key: difference.max_abs for key, difference in stage.items()}
    both = [figure for figure in (figures["actions"], chain["actions"].max_abs) if figure is not None]
    return figures | {"actions": max(both) if len(both) == 2 else None}
