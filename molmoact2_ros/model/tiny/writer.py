# SPDX-License-Identifier: Apache-2.0
"""Write a tiny checkpoint folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.numpy import save

from molmoact2_ros.schema import read_json_object

from .configs import config_json, processor_config_json
from .sizes import TinySizes
from .tags import norm_stats, released_tags
from .tokenizer import TinyTokenizer, tokenizer_config_json
from .weights import random_weights

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
FILES = {
    CONFIG_FILE,
    WEIGHTS_FILE,
    "norm_stats.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
}
# A field of our own in config.json: it marks a folder that may be written again.
MADE_BY_FIELD, MADE_BY = "made_by", "molmoact2 tiny-checkpoint"


def write_tiny_checkpoint(
    out: Path,
    seed: int = 0,
    sizes: TinySizes | None = None,
    *,
    think: bool = False,
    tags: dict[str, dict[str, Any]] | None = None,
    made_by: str = MADE_BY,
) -> None:
    """Write a random checkpoint; the same arguments give the same bytes.

    Args:
        out: folder to write; made if it does not exist.
        seed: of the weights.
        sizes: of the network.
        think: add depth tokens and the gates of depth reasoning.
        tags: entries of `metadata_by_tag`; those of the released robots when not given.
        made_by: who may write the folder again.

    Raises:
        ValueError: `out` holds anything but an earlier checkpoint of the same maker, or the seed is negative.
    """
    if seed < 0:
        raise ValueError(f"expected a seed of 0 or more, got {seed}")
    check_may_write(out, made_by)
    sizes = sizes or TinySizes()
    tokenizer = TinyTokenizer.build(sizes, think)
    config = {MADE_BY_FIELD: made_by, **config_json(sizes, tokenizer, think)}
    files = {
        CONFIG_FILE: config,
        "norm_stats.json": norm_stats(tags or released_tags()),
        "processor_config.json": processor_config_json(sizes),
        "tokenizer.json": tokenizer.tokenizer_json(),
        "tokenizer_config.json": tokenizer_config_json(),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (out / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / WEIGHTS_FILE).write_bytes(save(random_weights(config, seed), metadata={"format": "pt"}))


def check_may_write(out: Path, made_by: str = MADE_BY) -> None:
    """Refuse to write over anything but earlier work of the same maker, as config.json says.

    Raises:
        ValueError: `out` is a file, or a folder that holds anything else.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise ValueError(f"{out} is a file; name a folder to write the checkpoint to")
    present = {path.name for path in out.iterdir()}
    if present and (present - FILES or _maker(out / CONFIG_FILE) != made_by):
        raise ValueError(
            f"{out} is not empty and was not written by `{made_by}`; name another folder, or empty this one"
        )


def _maker(config: Path) -> str | None:
    try:
        return str(read_json_object(config)[MADE_BY_FIELD])
    except (OSError, ValueError, KeyError):
        return None
