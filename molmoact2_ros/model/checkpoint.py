# SPDX-License-Identifier: Apache-2.0
"""Reads a released checkpoint's weights into the network, strictly and one tensor at a time.

Strictly: a key that is unknown, missing or of another shape is an error, and one error lists them all. Two families
of keys that a release carries by accident are skipped with a warning.

One at a time: the module is built on the meta device and each tensor goes straight from the file to its final dtype
and device. The files are memory-mapped, and mapped pages that were touched count as resident until the file is
closed, so it is reopened every `REOPEN_AFTER_BYTES`.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from molmoact2_ros.model.config import CONFIG_FILE, MolmoAct2Config
from molmoact2_ros.model.molmoact2 import MolmoAct2
from molmoact2_ros.model.shard_index import INDEX_FILE, ShardIndexError, shard_names
from molmoact2_ros.schema import brief, placeholder, shortened

SINGLE_FILE = "model.safetensors"
REOPEN_AFTER_BYTES = 1 << 30

# Dropped by the published converter, but counted in one release's index.
STALE_KEYS = re.compile(r"^(model\.)?action_expert\.(state_encoder\.|blocks\.\d+\.cross_attn\.kv_proj\.)")

# Always recomputed from `rope_theta`: may be there, and is compared then, or may not.
INV_FREQ_KEY = "model.transformer.rotary_emb.inv_freq"

# Prefixes that wrappers put before all keys when their `state_dict` is saved instead of that of the model inside.
_WRAPPERS = {
    "_orig_mod.": "torch.compile",
    "module.": "DistributedDataParallel",
    "_fsdp_wrapped_module.": "FullyShardedDataParallel",
    "base_model.model.": "PEFT",
}
_LORA_KEY = re.compile(r"\.lora_[AB]\.|\.base_layer\.")

_LISTED_KEYS = 4


class CheckpointError(ValueError):
    """A checkpoint whose files are absent, damaged, or do not hold the weights that its config describes."""


@dataclass(frozen=True)
class _Stored:
    """Where a tensor is and what it is, as the file's header says."""

    file: Path
    shape: tuple[int, ...]
    dtype: str
    num_bytes: int


@dataclass
class _Differences:
    """What is wrong with a checkpoint's keys."""

    unknown: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    misshapen: list[str] = field(default_factory=list)

    def raise_if_any(self, folder: Path) -> None:
        parts = [
            f"{len(keys)} {kind}: {shortened(', '.join(keys[:_LISTED_KEYS]))}" + (", ..." * (len(keys) > _LISTED_KEYS))
            for kind, keys in vars(self).items()
            if keys
        ]
        if parts:
            raise CheckpointError(f"the weights in {folder} do not fit its config.json; {'; '.join(parts)}")


def load_model(folder: str | Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> MolmoAct2:
    """Build the network that a checkpoint folder describes and fill it with the folder's weights.

    Args:
        folder: holds config.json and model.safetensors, or its shards and their index.
        dtype: of all weights and activations.
        device: where the weights go.

    Raises:
        ConfigError: if config.json is unusable.
        CheckpointError: if a file is absent or damaged, or keys are unknown, missing or misshapen.
    """
    folder = Path(folder)
    model, stored = _check_files(folder)
    _check_inv_freq(stored, model.config)
    for key, tensor in _read_tensors({k: s for k, s in stored.items() if k != INV_FREQ_KEY}):
        # `copy` even where nothing changes: a plain view would keep the mapped file resident.
        _assign(model, key, tensor.to(device=device, dtype=dtype, copy=True))
    return model.eval()


def count_parameters(folder: str | Path) -> int:
    """Check a checkpoint folder as `load_model` does, but for the weights themselves; return how many there are.

    Raises:
        ConfigError: as `load_model`.
        CheckpointError: as `load_model`.
    """
    model, _ = _check_files(Path(folder))
    return sum(parameter.numel() for parameter in model.parameters())


def _check_files(folder: Path) -> tuple[MolmoAct2, dict[str, _Stored]]:
    """Return the network on the meta device and where its weights are, after all checks that need no weight."""
    config = MolmoAct2Config.load(folder)
    stored = _drop_stale(_read_headers(_weight_files(folder)))
    try:
        with torch.device("meta"):
            model = MolmoAct2(config)
    except (RuntimeError, TypeError) as error:  # sizes whose product no tensor can have
        raise CheckpointError(
            f"{folder / CONFIG_FILE} describes no network that can be built ({shortened(error, 150)}): use the file "
            "that came with the weights"
        ) from error
    _check_keys(folder, expected_shapes(model), stored)
    return model, stored


def expected_shapes(model: MolmoAct2) -> dict[str, tuple[int, ...]]:
    """Return the checkpoint's key and shape for everything that a model of this config stores."""
    return {_key_of(name): tuple(tensor.shape) for name, tensor in model.named_parameters()}


def _key_of(name: str) -> str:
    """All but the head live under `model.` in a checkpoint."""
    return name if name.startswith("lm_head.") else f"model.{name}"


def _assign(model: nn.Module, key: str, tensor: Tensor) -> None:
    path, _, leaf = key.removeprefix("model.").rpartition(".")
    setattr(model.get_submodule(path), leaf, nn.Parameter(tensor))


def _weight_files(folder: Path) -> list[Path]:
    """Find the one weight file or all shards; every shard that is not there is named."""
    if (folder / SINGLE_FILE).is_file():
        return [folder / SINGLE_FILE]
    index = folder / INDEX_FILE
    if not index.is_file():
        raise CheckpointError(f"{folder} holds neither {SINGLE_FILE} nor {INDEX_FILE}: it is not a complete checkpoint")
    try:
        names = shard_names(index)
    except ShardIndexError as error:
        raise CheckpointError(str(error)) from error
    absent = [name for name in names if not (folder / name).is_file()]
    if absent:
        raise CheckpointError(f"{folder} lacks {', '.join(absent)} of {len(names)} shards: download the rest")
    return [folder / name for name in names]


def _read_headers(files: Iterable[Path]) -> dict[str, _Stored]:
    """Describe every tensor of every file without reading its data."""
    stored: dict[str, _Stored] = {}
    for file in files:
        for key, (dtype, shape, num_bytes) in _read_header(file).items():
            if key in stored:
                raise CheckpointError(f"{key} is stored twice, in {stored[key].file.name} and in {file.name}")
            stored[key] = _Stored(file, shape, dtype, num_bytes)
    return stored


def _read_header(file: Path) -> dict[str, tuple[str, tuple[int, ...], int]]:
    """Read one header, which also gives the length of the file."""
    if instead := placeholder(file):
        raise CheckpointError(instead)
    found = file.stat().st_size
    with file.open("rb") as stream:
        start = int.from_bytes(stream.read(8), "little")
        if found < 8 + start:
            raise _damaged(file, f"holds {found} bytes, but its header alone takes {8 + start}")
        try:
            header = json.loads(stream.read(start))
            header.pop("__metadata__", None)
            spans = {key: entry["data_offsets"] for key, entry in header.items()}
            expected = 8 + start + max((end for _, end in spans.values()), default=0)
            entries = {k: (e["dtype"], tuple(e["shape"]), spans[k][1] - spans[k][0]) for k, e in header.items()}
            for key, (dtype, _, _) in entries.items():
                if not isinstance(dtype, str):
                    raise TypeError(f"dtype of {key} must be a text, but is {brief(dtype)}")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _damaged(file, f"has a header that is not readable ({shortened(error, 150)})") from error
    if found != expected:
        raise _damaged(file, f"holds {found} bytes, but its header promises {shortened(expected, 40)}")
    return entries


def _damaged(file: Path, what: str) -> CheckpointError:
    return CheckpointError(f"{file} {what}: it is truncated or corrupt; delete it and download it again")


def _drop_stale(stored: dict[str, _Stored]) -> dict[str, _Stored]:
    stale = [key for key in stored if STALE_KEYS.match(key)]
    if stale:
        warnings.warn(
            f"skipped {len(stale)} keys that this network does not use (left over from training): {stale[0]}, ...",
            stacklevel=3,
        )
    return {key: entry for key, entry in stored.items() if key not in set(stale)}


def _check_keys(folder: Path, expected: dict[str, tuple[int, ...]], stored: dict[str, _Stored]) -> None:
    keys = stored.keys() - {INV_FREQ_KEY}
    if said := _other_names(keys, expected.keys()):
        raise CheckpointError(f"{folder}: {said}")
    found = _Differences(unknown=sorted(keys - expected.keys()), missing=sorted(expected.keys() - keys))
    for key in sorted(expected.keys() & keys):
        entry = stored[key]
        if entry.shape != expected[key]:
            found.misshapen.append(f"{key} {brief(list(entry.shape))} instead of {list(expected[key])}")
        elif not entry.dtype.startswith(("F", "BF")):
            found.misshapen.append(f"{key} of type {shortened(entry.dtype, 40)} instead of a floating-point type")
    found.raise_if_any(folder)


def _other_names(stored: Set[str], expected: Set[str]) -> str:
    """Say by which change of all names most keys would be the expected ones; empty if they are, or by none."""
    if any(_LORA_KEY.search(key) for key in stored):
        return "the weights hold LoRA adapters that are not merged: merge them (merge_and_unload) and save again"
    known = len(stored & expected)
    if 2 * known > len(stored):
        return ""
    for prefix, wrapper in _WRAPPERS.items():
        if len({key.replace(prefix, "") for key in stored} & expected) > known:
            return (
                f"all keys begin with, or hold, `{prefix}`, which {wrapper} puts there: save the model inside it, or "
                "take the prefix out of the keys"
            )
    first = min(stored - expected, default="")
    for key in expected:
        prefix = first.removesuffix(key)
        if first.endswith(f".{key}") and len({name.removeprefix(prefix) for name in stored} & expected) > known:
            return f"all keys begin with `{prefix}`, which released ones do not: take it out of the keys"
        prefix = key.removesuffix(first)
        if first and key.endswith(f".{first}") and len({f"{prefix}{name}" for name in stored} & expected) > known:
            return f"all keys lack `{prefix}`, with which released ones begin: put it before the keys"
    return ""


def _check_inv_freq(stored: dict[str, _Stored], config: MolmoAct2Config) -> None:
    """Warn when the stored rotary frequencies are not those of the configured base, which is the one that counts."""
    entry = stored.get(INV_FREQ_KEY)
    if entry is None:
        return
    width = config.language.head_width
    expected = config.language.rope_theta ** -(torch.arange(0, width, 2) / width)
    ((_, frequencies),) = _read_tensors({INV_FREQ_KEY: entry})
    same_shape = frequencies.shape == expected.shape
    if not same_shape or not torch.allclose(frequencies.float(), expected, rtol=0.01, atol=0.0):
        warnings.warn(
            f"{INV_FREQ_KEY} does not belong to rope_theta {config.language.rope_theta:g} of config.json; "
            "the config decides",
            stacklevel=3,
        )


def _read_tensors(stored: dict[str, _Stored]) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor in file order; each is a view of a mapped file, valid until the next."""
    for file in dict.fromkeys(entry.file for entry in stored.values()):
        for keys in _batches({key: entry.num_bytes for key, entry in stored.items() if entry.file == file}):
            try:
                with safe_open(file, framework="pt") as tensors:
                    for key in keys:
                        yield key, tensors.get_tensor(key)
            except SafetensorError as error:
                raise _damaged(file, f"cannot be read ({error})") from error


def _batches(sizes: dict[str, int]) -> Iterator[list[str]]:
    """Group keys so that each group but a single big tensor stays under the reopening threshold."""
    group: list[str] = []
    total = 0
    for key, size in sizes.items():
        if group and total + size > REOPEN_AFTER_BYTES:
            yield group
            group, total = [], 0
        group.append(key)
        total += size
    if group:
        yield group
