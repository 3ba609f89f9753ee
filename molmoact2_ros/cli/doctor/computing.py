# SPDX-License-Identifier: Apache-2.0
"""Whether this machine can run the checkpoint at the policy's rate."""

from __future__ import annotations

from dataclasses import dataclass

from .check import Check, failed, ok, warning

# Kept in bfloat16 on a GPU; images, caches and workspaces take about a fifth more.
_GPU_BYTES_PER_PARAMETER = 2 * 1.2
# A CPU core pair answers a tiny network within a camera period, a billion parameters within a minute at best.
_CPU_PARAMETERS = 100_000_000
_GB = 1e9


@dataclass(frozen=True)
class Gpu:
    """The first CUDA device."""

    name: str
    memory_bytes: int


def check_computing(gpu: Gpu | None, parameters: int | None) -> Check:
    """Judge the GPU, or its absence, against a checkpoint's number of parameters; None where that is unknown."""
    size = "a checkpoint of unknown size" if parameters is None else f"{parameters / 1e6:,.1f} million parameters"
    if gpu is None:
        if parameters is not None and parameters <= _CPU_PARAMETERS:
            return ok("GPU", f"none, for {size}", "a GPU for large checkpoints")
        remedy = "run the policy on a machine with a GPU: on a CPU a chunk takes longer than it lasts"
        return warning("GPU", f"none, for {size}", "a CUDA device", remedy)
    found = f"{gpu.name}, {gpu.memory_bytes / _GB:.0f} GB, for {size}"
    if parameters is None:
        return ok("GPU", found, "a CUDA device")
    need = parameters * _GPU_BYTES_PER_PARAMETER
    expected = f"at least {need / _GB:.1f} GB in bfloat16"
    if gpu.memory_bytes < need:
        return failed("GPU", found, expected, "use a larger GPU")
    return ok("GPU", found, expected)
