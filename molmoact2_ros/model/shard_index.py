# SPDX-License-Identifier: Apache-2.0
"""The index that a checkpoint of several weight files carries; read without torch, for the hub and the loader."""

from __future__ import annotations

from pathlib import Path

from molmoact2_ros.embodiment import DoubledKeyError, parse_json

INDEX_FILE = "model.safetensors.index.json"


class ShardIndexError(ValueError):
    """A file that is no index of shards."""


def shard_names(index: Path) -> list[str]:
    """Return the names of the weight files, each once.

    Raises:
        ShardIndexError: if the file is not JSON, lacks `weight_map`, or has no plain name where a file should be named.
    """
    try:
        names = parse_json(index.read_text(encoding="utf-8"), index)["weight_map"]
        entries = names.items()
    except DoubledKeyError as error:
        raise ShardIndexError(str(error)) from error
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ShardIndexError(f"{index} is not an index of shards ({error!r}): download it again") from error
    for key, name in entries:
        # A name with a folder in it would lead out of the checkpoint.
        if not isinstance(name, str) or not name or Path(name).name != name:
            raise ShardIndexError(
                f"{index} is not an index of shards: weight_map must hold plain file names, but has {name!r} for {key}"
            )
    return sorted(set(names.values()))
