# SPDX-License-Identifier: Apache-2.0
"""Measure how much memory loading a released checkpoint takes.

Writes a synthetic float32 checkpoint with the shapes and key names of a released one (21.8 GB in five shards,
all zeros but really written), loads it as bfloat16 in a fresh process, and reports the peak resident memory of that
process: the kernel's VmHWM, which counts mapped file pages too. The files are deleted afterwards.

    python benchmarks/load_memory.py                 # full size; needs 22 GB of disk and about 12 GB of memory
    python benchmarks/load_memory.py --layers 4      # smaller: fewer language and expert layers

Prints a table, then one JSON line.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from molmoact2_ros.model.checkpoint import INV_FREQ_KEY, expected_shapes, load_model
from molmoact2_ros.model.config import CONFIG_FILE, MolmoAct2Config
from molmoact2_ros.model.molmoact2 import MolmoAct2
from molmoact2_ros.model.shard_index import INDEX_FILE

RELEASED = Path(__file__).parent / "data" / "released" / CONFIG_FILE
SHARD_BYTES = 5_000_000_000
SPARE_BYTES = 2_000_000_000
FLOAT32_BYTES = 4


def main() -> int:
    """Write, load in a child process, report."""
    args = _parse()
    if args.load:
        print(json.dumps(_load(args.load, args.dtype)))
        return 0
    with tempfile.TemporaryDirectory(dir=args.dir) as name:
        folder = Path(name)
        shapes, frequencies = _describe(folder, args.layers)
        num_bytes = sum(FLOAT32_BYTES * torch.Size(shape).numel() for shape in shapes.values())
        free = shutil.disk_usage(folder).free
        if free < num_bytes + SPARE_BYTES:
            print(
                f"error: {folder} has {free / 1e9:.1f} GB free, but {num_bytes / 1e9:.1f} GB and some spare are needed"
            )
            return 2
        shards = _write(folder, shapes, frequencies)
        command = [sys.executable, __file__, "--load", name, "--dtype", args.dtype]
        report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    _print({"checkpoint_gb": num_bytes / 1e9, "shards": shards, "dtype": args.dtype} | report)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", help="where to write the checkpoint (default: the system's temporary folder)")
    parser.add_argument("--layers", type=int, help="language and expert layers (default: as released)")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16", help="to load as")
    parser.add_argument("--load", help=argparse.SUPPRESS)
    return parser.parse_args()


def _describe(folder: Path, layers: int | None) -> tuple[dict[str, tuple[int, ...]], torch.Tensor]:
    """Write config.json; return the shape of every key, and the rotary frequencies that belong to it."""
    config: dict[str, Any] = json.loads(RELEASED.read_text(encoding="utf-8"))
    if layers is not None:
        config["text_config"]["num_hidden_layers"] = config["action_expert_config"]["num_layers"] = layers
    (folder / CONFIG_FILE).write_text(json.dumps(config), encoding="utf-8")
    parsed = MolmoAct2Config.load(folder)
    with torch.device("meta"):
        shapes = expected_shapes(MolmoAct2(parsed))
    width = parsed.language.head_width
    return shapes, parsed.language.rope_theta ** -(torch.arange(0, width, 2) / width)


def _write(folder: Path, shapes: dict[str, tuple[int, ...]], frequencies: torch.Tensor) -> int:
    """Write shards and their index, one shard in memory at a time; return their number."""
    groups: list[list[str]] = [[]]
    size = 0
    for key, shape in shapes.items():
        num_bytes = FLOAT32_BYTES * torch.Size(shape).numel()
        if groups[-1] and size + num_bytes > SHARD_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(key)
        size += num_bytes
    names = [f"model-{i + 1:05}-of-{len(groups):05}.safetensors" for i in range(len(groups))]
    for name, keys in zip(names, groups, strict=True):
        tensors = {key: frequencies if key == INV_FREQ_KEY else torch.zeros(shapes[key]) for key in keys}
        save_file(tensors, folder / name)
    index = {"weight_map": {key: name for name, keys in zip(names, groups, strict=True) for key in keys}}
    (folder / INDEX_FILE).write_text(json.dumps(index), encoding="utf-8")
    return len(groups)


def _load(folder: str, dtype: str) -> dict[str, float]:
    """Load in this process and return what it took."""
    before = _peak_bytes()
    start = time.perf_counter()
    model = load_model(folder, getattr(torch, dtype))
    seconds = time.perf_counter() - start
    weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    return {
        "weights_gb": weights / 1e9,
        "peak_before_gb": before / 1e9,
        "peak_gb": _peak_bytes() / 1e9,
        "seconds": seconds,
    }


def _peak_bytes() -> int:
    """Return the largest resident size this process has had, mapped file pages included (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])


def _print(report: dict[str, Any]) -> None:
    for key, value in report.items():
        print(f"{key:<16} {value:.2f}" if isinstance(value, float) else f"{key:<16} {value}")
    print(json.dumps({key: round(value, 3) if isinstance(value, float) else value for key, value in report.items()}))


if __name__ == "__main__":
    sys.exit(main())
