# SPDX-License-Identifier: Apache-2.0
"""Measure what a depth map costs with a draft of an earlier frame, against token by token.

Run: python benchmarks/depth_decoding.py [--device cpu] [--dtype float32] [--repeats 10]
Prints a table and, last, one JSON line. The network is a random one of a tiny size with the released grid of 10 x 10
cells and 128 codes, so times say how the number of passes weighs on this machine and nothing of a released checkpoint.
`differ` is the share of codes that the draft has wrong, all cells being verified; `kept` rows keep the codes of all
other cells without verification, as for cells that did not change. Flips are maps that are not those of token by token:
none in float32; in bfloat16 a pass over many tokens rounds otherwise than one over a single token, and near ties fall
the other way.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.depth import DepthDraft, DepthReading, read_depth
from molmoact2_ros.model.molmoact2 import MolmoAct2
from molmoact2_ros.model.tiny import TinySizes, write_tiny_checkpoint

SHARES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
PROMPT_TOKENS = 500  # of the released checkpoints with two cameras
SIZES = TinySizes(depth_codes=100, depth_levels=128)


def make_model(device: str, dtype: str) -> MolmoAct2:
    """Write and load the network."""
    with tempfile.TemporaryDirectory() as folder:
        write_tiny_checkpoint(Path(folder), 0, SIZES, think=True)
        return load_model(folder, getattr(torch, dtype), device)


def read(model: MolmoAct2, prompt: tuple[Tensor, Tensor], draft: DepthDraft | None) -> tuple[DepthReading, float]:
    """Write one map; return it and the milliseconds. Random weights would not end it: the end token is forced."""
    assert model.config.depth is not None
    ends = torch.nn.functional.one_hot(torch.tensor([model.config.depth.end]), model.config.language.vocab_size)
    began = time.perf_counter()
    reading = read_depth(model, *prompt, draft, closing_hook=lambda _step, _logits: ends)
    return reading, 1e3 * (time.perf_counter() - began)


def altered(codes: tuple[int, ...], share: float, random: np.random.Generator, *, keep: bool) -> DepthDraft:
    """Return a draft with a share of the codes wrong; with `keep`, the others are not verified."""
    wrong = random.permutation(len(codes)) < round(share * len(codes))
    shifted = (np.array(codes) + random.integers(1, SIZES.depth_levels, len(codes))) % SIZES.depth_levels
    return DepthDraft(np.where(wrong, shifted, codes).tolist(), (~wrong & keep).tolist())


@torch.inference_mode()
def measure(model: MolmoAct2, repeats: int) -> list[dict[str, object]]:
    """Return one row per kind of draft: what, forwards (median), ms (median), flips."""
    random, rows = np.random.default_rng(0), []
    kinds: list[tuple[str, float | None, bool]] = [("token by token", None, False)]
    kinds += [(f"{share:.0%} differ", share, False) for share in SHARES]
    kinds += [(f"{share:.0%} differ, others kept", share, True) for share in SHARES]
    prompts = [_prompt(model, seed) for seed in range(repeats)]
    truths = [read(model, prompt, None)[0] for prompt in prompts]
    for name, share, keep in kinds:
        forwards, costs_ms, flips = [], [], 0
        for prompt, truth in zip(prompts, truths, strict=True):
            draft = None if share is None else altered(truth.codes, share, random, keep=keep)
            reading, cost_ms = read(model, prompt, draft)
            forwards.append(reading.forwards)
            costs_ms.append(cost_ms)
            flips += reading.codes != truth.codes
        rows.append({
            "draft": name, "forwards": float(np.median(forwards)), "ms": float(np.median(costs_ms)), "flips": flips,
        })  # fmt: skip
    return rows


def _prompt(model: MolmoAct2, seed: int) -> tuple[Tensor, Tensor]:
    ids = torch.randint(3, 600, (1, PROMPT_TOKENS), generator=torch.Generator().manual_seed(seed))
    visual = torch.zeros(1, model.config.language.width, dtype=model.dtype)
    return ids.to(model.device), visual.to(model.device)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--repeats", type=int, default=10, help="prompts per row (default: %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = measure(make_model(args.device, args.dtype), args.repeats)
    print(f"{'draft':<28} {'forwards':>8} {'ms':>8} {'flipped maps':>13}")
    for row in rows:
        print(f"{row['draft']:<28} {row['forwards']:>8.0f} {row['ms']:>8.1f} {row['flips']:>8} / {args.repeats}")
    print(json.dumps({"device": args.device, "dtype": args.dtype, "prompt_tokens": PROMPT_TOKENS, "rows": rows}))


if __name__ == "__main__":
    main()
