# SPDX-License-Identifier: Apache-2.0
"""Find a checkpoint: a folder, or an id on the Hugging Face hub that is downloaded once and then read from its cache.

Only data is fetched: JSON files and weights. A repository's Python files stay where they are; none is ever run.
A cut connection is resumed where it was cut. An interrupted program keeps the files that were complete: shards are
fetched one after another, so that one of them at most is fetched again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from molmoact2_ros.model.layout import foreign_folder, foreign_layout
from molmoact2_ros.model.shard_index import INDEX_FILE, ShardIndexError, shard_names

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

REQUIRED_FILES = ("config.json", "norm_stats.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json")
SINGLE_FILE = "model.safetensors"
DATA_SUFFIXES = (".json", ".safetensors")
BYTES_PER_GB = 1e9
HUB_TIMEOUT_S = 10.0
FINGERPRINT_BYTES = 2**20
PROXIES = ("all_proxy", "https_proxy", "http_proxy")


class HubError(ValueError):
    """A checkpoint that cannot be had; one sentence says why and what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on this machine.

    Attributes:
        folder: holds its files in the released layout.
        model_id: what goes into the provenance of a chunk: folder name and content hash, or hub id and commit.
    """

    folder: Path
    model_id: str


def say(text: str) -> None:
    """Print to stderr, where the progress bars go too."""
    print(text, file=sys.stderr, flush=True)


def resolve_checkpoint(name: str, announce: Callable[[str], None] = say) -> Checkpoint:
    """Return the checkpoint that a name means, downloading what is not yet on this machine.

    Args:
        name: a folder, or `owner/name` on the hub with an optional `@revision` (branch, tag or commit).
        announce: called with a line about what is fetched, how much, and where to.

    Raises:
        HubError: the folder or the repository does not exist, may not be read, lacks files or holds another sort of
            checkpoint; the hub cannot be reached
            and no copy is here; the disk is too small.
    """
    folder = local_folder(name)
    if folder is not None:
        refuse_foreign(folder)
        return Checkpoint(folder, f"{folder.name}@{_fingerprint(folder)}")
    repo_id, _, revision = name.partition("@")
    snapshot = _download(repo_id, revision or "main", announce)
    _check_complete(snapshot, repo_id)
    return Checkpoint(snapshot, f"{repo_id}@{snapshot.name[:12]}")  # a snapshot's folder is named by its commit


def refuse_foreign(folder: Path) -> None:
    """Raise HubError if a folder holds another sort of checkpoint."""
    if said := foreign_folder(folder):
        raise HubError(f"{folder} {said}")


def local_folder(name: str) -> Path | None:
    """Return the absolute folder that a name means, None for a hub id; raise HubError if it can be neither."""
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return folder.absolute()
    if not _is_hub_id(name.partition("@")[0]):
        raise HubError(
            f"checkpoint {name!r} is neither an existing folder nor a hub id such as allenai/MolmoAct2-DROID"
        )
    return None


def missing_files(folder: Path) -> list[str]:
    """Return the names of the files that a checkpoint folder lacks, in the order in which they are needed.

    Raises:
        HubError: if the index of its shards is damaged.
    """
    missing = [name for name in REQUIRED_FILES if not (folder / name).is_file()]
    if (folder / SINGLE_FILE).is_file():
        return missing
    if not (folder / INDEX_FILE).is_file():
        return [*missing, f"{SINGLE_FILE} (or {INDEX_FILE} and its shards)"]
    try:
        shards = shard_names(folder / INDEX_FILE)
    except ShardIndexError as error:
        raise HubError(str(error)) from error
    return [*missing, *(shard for shard in shards if not (folder / shard).is_file())]


def _fingerprint(folder: Path) -> str:
    """Return a hash of the data files: names, sizes and the first MiB of each, for 22 GB take too long to read."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file() and _is_data(path.name)):
        digest.update(f"{path.name}:{path.stat().st_size}:".encode())
        with path.open("rb") as file:
            digest.update(file.read(FINGERPRINT_BYTES))
    return digest.hexdigest()[:12]


def _is_hub_id(text: str) -> bool:
    owner, slash, repo = text.partition("/")
    return bool(slash and owner and repo) and "/" not in repo and not owner.startswith((".", "~"))


def _download(repo_id: str, revision: str, announce: Callable[[str], None]) -> Path:
    """Return the snapshot folder, from the hub or, if that cannot be reached, from the cache.

    What the hub's client raises comes from four libraries (itself, httpx, ssl, hf_xet) and is no documented set: an
    ImportError for a proxy, a ValueError for its address, a RuntimeError for a broken transfer. So whatever is not an
    answer of the hub counts as no answer.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        info = HfApi().model_info(repo_id, revision=revision, files_metadata=True, timeout=HUB_TIMEOUT_S)
    except HFValidationError as error:
        raise HubError(f"checkpoint {repo_id!r} can be no hub id ({_line(error)}): check its spelling") from error
    except GatedRepoError as error:
        raise HubError(
            f"the hub does not let you read {repo_id}: ask for access there, then `hf auth login`"
        ) from error
    except RevisionNotFoundError as error:
        raise HubError(f"{repo_id} has no revision {revision!r} on the hub: check what follows the @") from error
    except RepositoryNotFoundError as error:
        raise HubError(
            f"the hub knows no {repo_id}: check its spelling, or `hf auth login` if it is private"
        ) from error
    except Exception as error:
        return _cached(repo_id, revision, announce, error)
    if said := foreign_layout([file.rfilename for file in info.siblings or []]):
        raise HubError(f"{repo_id} {said}")
    files = [file.rfilename for file in info.siblings or [] if _is_data(file.rfilename)]
    _check_space(repo_id, info, announce)
    try:
        return Path(snapshot_download(repo_id, revision=revision, allow_patterns=files, max_workers=1))
    except Exception as error:
        raise HubError(
            f"the download of {repo_id} broke off ({_line(error)}): {_remedy(error) or 'run this again to go on'}"
        ) from error


def _cached(repo_id: str, revision: str, announce: Callable[[str], None], error: Exception) -> Path:
    """Return the snapshot that an earlier download left."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.constants import HF_HUB_CACHE

    try:
        folder = Path(
            snapshot_download(repo_id, revision=revision, local_files_only=True, allow_patterns=["config.json"])
        )
    except Exception as not_cached:
        remedy = _remedy(error) or "connect this machine"
        raise HubError(
            f"the hub cannot be reached ({_line(error)}) and {HF_HUB_CACHE} holds no {repo_id}: "
            f"{remedy}, or give the folder of a copy"
        ) from not_cached
    announce(f"the hub cannot be reached: using the copy of {repo_id} in {folder} ({_line(error)})")
    return folder


def _remedy(error: Exception) -> str:
    """Return what helps against an error that the settings of this environment cause; empty: none is known."""
    proxies = [name for name in os.environ if name.lower() in PROXIES and os.environ[name]]
    if isinstance(error, ImportError) and "socks" in str(error).lower():
        return f"pip install 'httpx[socks]', or unset {', '.join(proxies)}"
    if isinstance(error, OSError) or not proxies:
        return ""
    return f"look at {', '.join(proxies)}"


def _check_space(repo_id: str, info: ModelInfo, announce: Callable[[str], None]) -> None:
    """Announce what is to be fetched; raise HubError if it does not fit on the disk."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.constants import HF_HUB_CACHE

    files = {file.rfilename: file.size or 0 for file in info.siblings or [] if _is_data(file.rfilename)}
    absent = [name for name in files if not isinstance(try_to_load_from_cache(repo_id, name, revision=info.sha), str)]
    needed_bytes = sum(files[name] for name in absent)
    if not absent:
        return
    cache = Path(HF_HUB_CACHE)
    free_bytes = shutil.disk_usage(next(folder for folder in (cache, *cache.parents) if folder.exists())).free
    needed, free = f"{needed_bytes / BYTES_PER_GB:.2f} GB", f"{free_bytes / BYTES_PER_GB:.2f} GB"
    if needed_bytes > free_bytes:
        raise HubError(
            f"{repo_id} needs {needed} more in {cache}, where {free} are free: "
            "make room, or set HF_HOME to a folder on a larger disk"
        )
    announce(f"fetching {repo_id}: {needed} in {len(absent)} files to {cache}, where {free} are free")


def _check_complete(snapshot: Path, repo_id: str) -> None:
    refuse_foreign(snapshot)
    missing = missing_files(snapshot)
    if missing:
        raise HubError(
            f"{repo_id} in {snapshot} lacks {', '.join(missing)}: run this again where the hub can be reached; "
            "if the hub has no such file, this is no MolmoAct2 checkpoint"
        )


def _is_data(name: str) -> bool:
    return "/" not in name and name.endswith(DATA_SUFFIXES)


def _line(error: Exception) -> str:
    """Return the first line of an error's text, or its type."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
