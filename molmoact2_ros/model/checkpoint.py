# SPDX-License-Identifier: Apache-2.0
"""Reads a released checkpoint's weights into the network, strictly and one tensor at a time.

Strictly: a key that is unknown, missing or of another shape is an error, and one error lists them all. Two families
of keys that a release carries by accident are skipped with a warning.

One at a time: the module is built on the meta device and each tensor goes straight from the file to its final dtype
and device. The files are memory-mapped, and mapped pages that were touched count as resident until the file is
closed, so it is reopened every `REOPEN_AFTER_BYTES`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from molmoact2_ros.embodiment import parse_json
from molmoact2_ros.model.config import MolmoAct2Config
from molmoact2_ros.model.molmoact2 import MolmoAct2
from molmoact2_ros.model.shard_index import INDEX_FILE, ShardIndexError, shard_names

SINGLE_FILE = "model.safetensors"
REOPEN_AFTER_BYTES = 1 << 30

# Dropped by the published converter, but counted in one release's index.
STALE_KEYS = re.compile(r"^(model\.)?action_expert\.(state_encoder\.|blocks\.\d+\.cross_attn\.kv_proj\.)")

# Stored, but always recomputed from `rope_theta`: here only to be known and checked.
INV_FREQ_KEY = "model.transformer.rotary_emb.inv_freq"

_LISTED_KEYS = 20


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
            f"{len(keys)} {kind}: {', '.join(keys[:_LISTED_KEYS])}{', ...' if len(keys) > _LISTED_KEYS else ''}"
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
    config = MolmoAct2Config.load(folder)
    stored = _drop_stale(_read_headers(_weight_files(folder)))
    with torch.device("meta"):
        model = MolmoAct2(config)
    _check_keys(folder, expected_shapes(model), stored)
    _check_inv_freq(stored, config)
    for key, tensor in _read_tensors({k: s for k, s in stored.items() if k != INV_FREQ_KEY}):
        # `copy` even where nothing changes: a plain view would keep the mapped file resident.
        _assign(model, key, tensor.to(device=device, dtype=dtype, copy=True))
    return model.eval()


def expected_shapes(model: MolmoAct2) -> dict[str, tuple[int, ...]]:
    """Return the checkpoint's key and shape for everything that a model of this config stores."""
    shapes = {_key_of(name): tuple(tensor.shape) for name, tensor in model.named_parameters()}
    shapes[INV_FREQ_KEY] = (model.config.language.head_width // 2,)
    return shapes


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
    """Read one header, which also tells how long the file must be."""
    found = file.stat().st_size
    with file.open("rb") as stream:
        start = int.from_bytes(stream.read(8), "little")
        if found < 8 + start:
            raise _damaged(file, f"holds {found} bytes, but its header alone takes {8 + start}")
        try:
            header = parse_json(stream.read(start), file)
            header.pop("__metadata__", None)
            spans = {key: entry["data_offsets"] for key, entry in header.items()}
            expected = 8 + start + max((end for _, end in spans.values()), default=0)
            entries = {k: (e["dtype"], tuple(e["shape"]), spans[k][1] - spans[k][0]) for k, e in header.items()}
            for key, (dtype, _, _) in entries.items():
                if not isinstance(dtype, str):
                    raise TypeError(f"dtype of {key} must be a text, but is {dtype!r}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _damaged(file, f"has a header that is not readable ({error})") from error
    if found != expected:
        raise _damaged(file, f"holds {found} bytes, but its header promises {expected}")
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
    found = _Differences(
        unknown=sorted(stored.keys() - expected.keys()), missing=sorted(expected.keys() - stored.keys())
    )
    for key in sorted(expected.keys() & stored.keys()):
        entry = stored[key]
        if entry.shape != expected[key]:
            found.misshapen.append(f"{key} {list(entry.shape)} instead of {list(expected[key])}")
        elif not entry.dtype.startswith(("F", "BF")):
            found.misshapen.append(f"{key} of type {entry.dtype} instead of a floating-point type")
    found.raise_if_any(folder)


def _check_inv_freq(stored: dict[str, _Stored], config: MolmoAct2Config) -> None:
    """Warn when the stored rotary frequencies are not those of the configured base, which is the one that counts."""
    ((_, frequencies),) = _read_tensors({INV_FREQ_KEY: stored[INV_FREQ_KEY]})
    width = config.language.head_width
    expected = config.language.rope_theta ** -(torch.arange(0, width, 2) / width)
    if not torch.allclose(frequencies.float(), expected, rtol=0.01, atol=0.0):
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
