# SPDX-License-Identifier: Apache-2.0
"""The index that a checkpoint of several weight files carries; read without torch, for the hub and the loader."""

from __future__ import annotations

from pathlib import Path

from molmoact2_ros.schema import JsonFileError, brief, read_json_object, shortened

INDEX_FILE = "model.safetensors.index.json"


class ShardIndexError(ValueError):
    """A file that is no index of shards."""


def shard_names(index: Path) -> list[str]:
    """Return the names of the weight files, each once.

    Raises:
        ShardIndexError: if the file is not JSON, lacks `weight_map`, or has no plain name where a file should be named.
    """
    try:
        names = read_json_object(index).get("weight_map")
    except JsonFileError as error:
        raise ShardIndexError(f"{index.name} is not an index of shards: {error}") from error
    if not isinstance(names, dict):
        raise ShardIndexError(f"{index} is not an index of shards: weight_map must be an object, not {brief(names)}")
    for key, name in names.items():
        # A name with a folder in it would lead out of the checkpoint.
        if not isinstance(name, str) or not name or Path(name).name != name:
            raise ShardIndexError(
                f"{index} is not an index of shards: weight_map must hold plain file names, but has {brief(name)} for "
                f"{shortened(key, 80)}"
            )
    return sorted(set(names.values()))
