# SPDX-License-Identifier: Apache-2.0
"""Where a model runs, how precisely, and on how many cores."""

from __future__ import annotations

import torch

from molmoact2_ros.policy.policy import PolicyError

AUTO = "auto"


def choose_device(wanted: str) -> str:
    """Return the device to use.

    Args:
        wanted: `auto` (cuda where there is one), or a torch device such as `cpu` or `cuda:1`.

    Raises:
        PolicyError: torch does not know such a device, or has none of that kind here.
    """
    if wanted == AUTO:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise PolicyError(f"device {wanted!r} is unknown: expected auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise PolicyError(
            f"device {wanted!r} was asked for, but torch {torch.__version__} finds no CUDA device: "
            "use device cpu, or install a CUDA build of torch and check nvidia-smi"
        )
    return str(device)


def choose_dtype(wanted: str, device: str) -> str:
    """Return the precision to use; `auto` is bfloat16 on a GPU and float32 on a CPU, where bfloat16 is slower."""
    if wanted != AUTO:
        return wanted
    return "bfloat16" if device.startswith("cuda") else "float32"


def limit_cpu_threads(count: int) -> None:
    """Use this many threads in an operation: on a busy machine, waiting for a second core costs more than it gives."""
    torch.set_num_threads(count)
